"""Draw the pictures of docs/how-to/draw-results.md into docs/figures: ``python docs/pictures.py``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "how-to" / "draw-results.md"


def main() -> None:
    """Run the page's code, and draw what it made."""
    import versant as vs
    from versant.figures.canvas import save
    from versant.figures.trajectory import figure_trajectory

    made: dict[str, Any] = {}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(code, made)
    sixty = (
        vs.figure_table(made["simpler"], "trajectory", subject=4).head(60).drop(columns=["choice_probability", "value"])
    )
    pictures = {
        "group": made["people"],
        "shrinkage": made["drawn"],
        "trajectory": figure_trajectory(sixty, "A person's first 60 trials"),
        "selection": vs.figure(made["found"], title="Random-effects selection"),
        "predictive": vs.figure(made["check"], title="Delta rule without perseveration"),
    }
    for name, picture in pictures.items():
        save(picture, DOCS / "figures" / f"{name}.png")


if __name__ == "__main__":
    main()
