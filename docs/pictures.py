"""Draw the pictures of how-to/draw-results.md and explanation/planning.md: ``python docs/pictures.py``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "how-to" / "draw-results.md"


LIMITS = (0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.25, 0.4, 0.6)


def main() -> None:
    """Draw the pictures of both pages."""
    results()
    planning()


def planning() -> None:
    """Draw a controller, its nodes over beliefs, and a frontier."""
    import versant as vs
    from versant.figures.canvas import new_figure, save
    from versant.figures.frontier import figure_frontier
    from versant.figures.plan import draw_controller

    problem = vs.problems.tiger(costs=("risk",))
    plan = vs.plan(problem, nodes=5, budgets={"risk": 0.08}, seed=1)
    figure = new_figure(5.6, 5.6)
    draw_controller(plan, figure.add_subplot())
    save(figure, DOCS / "figures" / "controller.png")
    save(vs.figure(plan, "beliefs", task=problem), DOCS / "figures" / "beliefs.png")
    curve = vs.frontier(problem, "risk", LIMITS, nodes=5, bounds=())
    save(figure_frontier(curve), DOCS / "figures" / "frontier.png")


def results() -> None:
    """Run the code of the page about results, and draw what it made."""
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
