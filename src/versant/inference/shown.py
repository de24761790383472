"""How results show themselves at a prompt: in one line, the first of their summary, whatever arrays they hold."""

from __future__ import annotations

__all__ = ["Shown"]


class Shown:
    """A result with a summary.

    Examples
    --------
    >>> class Two(Shown):
    ...     def summary(self):
    ...         return "first line\\nsecond line"
    >>> Two()
    Two(first line)
    """

    def summary(self) -> str:
        """Return a few lines for a person."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary().splitlines()[0]})"
