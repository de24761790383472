from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.planning_cases import random_problem
from versant.agents.controller import Controller
from versant.errors import ModelError
from versant.figures.beliefs import figure_beliefs, figure_occupancy, table_beliefs, table_occupancy
from versant.figures.canvas import new_figure, save
from versant.figures.catalogue import figure, kinds
from versant.figures.plan import (
    draw_controller,
    draw_convergence,
    draw_excess,
    draw_gap,
    figure_plan,
    table_convergence,
    table_edges,
    table_nodes,
)
from versant.planning.certificate import certify
from versant.planning.result import Plan
from versant.planning.verdict import PlanVerdict
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger
from versant.verbs.frontier import Frontier
from versant.verbs.plan import plan


@pytest.fixture(scope="module")
def found() -> Plan:
    return plan(tiger(costs=("risk",)), 4, {"risk": 0.3}, starts=6, seed=1)


def test_tables_hold_what_the_plan_says(found: Plan) -> None:
    nodes, edges, steps = table_nodes(found), table_edges(found), table_convergence(found)
    assert nodes["occupancy"].sum() == pytest.approx(1.0)
    np.testing.assert_allclose(nodes[["listen", "open-left", "open-right"]].sum(axis=1), 1.0)
    assert edges["share"].sum() == pytest.approx(1.0)
    by_node = edges.groupby("from")["share"].sum()
    np.testing.assert_allclose(by_node, nodes["occupancy"].to_numpy()[by_node.index], rtol=1e-12)
    assert edges["share"].is_monotonic_decreasing
    assert steps["value"].iloc[-1] == pytest.approx(found.value, abs=1e-6)
    assert steps["violation"].iloc[-1] == 0.0
    np.testing.assert_allclose(steps["gap"] + steps["value"], found.upper_bound)
    assert (np.diff(steps["seconds"]) >= 0).all()


def test_the_graph_names_actions_and_observations(found: Plan) -> None:
    figure = new_figure(5, 5)
    ax = figure.add_subplot()
    draw_controller(found, ax)
    words = " ".join(text.get_text() for text in ax.texts)
    for name in ("listen", "tiger-left", "tiger-right", "of steps", "start"):
        assert name in words


def test_arrows_of_a_node_with_one_observation_carry_no_label() -> None:
    task = random_problem(3, actions=2)  # the first action always yields the first observation
    agent = plan(task, nodes=2, starts=2, bounds=(), families=("random",), iterations=20)
    wait = np.zeros((2, 2))
    wait[:, 0] = 1.0
    start = agent.controller
    alone = Controller(start.start, wait, start.transition, start.actions, start.observations)
    ax = new_figure(5, 5).add_subplot()
    draw_controller(replace(agent, controller=alone, moves=certify(task, alone).moves), ax)
    words = {text.get_text() for text in ax.texts}
    assert not words & {"o0", "o1", "any"}
    assert any("a0" in word for word in words)


def test_arrows_end_at_the_rim_of_their_nodes(found: Plan, tmp_path: Path) -> None:
    figure = new_figure(6, 6)
    ax = figure.add_subplot()
    draw_controller(found, ax)
    save(figure, tmp_path / "graph.png")
    boxes = [text.get_bbox_patch().get_window_extent() for text in ax.texts if "of steps" in text.get_text()]
    tips = [
        arrow.arrow_patch.get_path().vertices[2]  # begin, bend, end
        for arrow in ax.texts
        if getattr(arrow, "arrow_patch", None) is not None
    ]
    assert tips
    assert not any(box.shrunk(0.6, 0.6).contains(*tip) for box in boxes for tip in tips)


def test_convergence_shows_value_and_bound(found: Plan) -> None:
    figure = new_figure(5, 5)
    top, bottom = figure.subplots(2)
    draw_convergence(found, top)
    draw_excess(found, bottom)
    words = " ".join(text.get_text() for text in top.texts)
    assert f"{found.value:.4f}" in words
    assert f"{found.upper_bound:.4f}" in words
    line = bottom.lines[0].get_ydata()
    assert np.asarray(line)[-1] == 0.0


def test_the_whole_figure_is_written(found: Plan, tmp_path: Path) -> None:
    free = plan(tiger(), 2, starts=2)
    for number, result in enumerate((found, free)):
        path = tmp_path / f"{number}.png"
        save(figure_plan(result), path)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_gap_falls_to_what_the_plan_says(found: Plan) -> None:
    ax = new_figure(4, 3).subplots()
    draw_gap(found, ax)
    gap = np.asarray(ax.lines[0].get_ydata())
    assert gap[-1] == pytest.approx(found.gap, abs=1e-6)
    assert (np.diff(gap) <= 0).all()


def test_occupancy_is_that_of_states_and_nodes(found: Plan) -> None:
    task = tiger(costs=("risk",))
    table = table_occupancy(found, task)
    by_node = table.groupby("node")["share"].sum()
    np.testing.assert_allclose(by_node, table_nodes(found)["occupancy"].to_numpy()[by_node.index], atol=1e-12)
    drawn = figure_occupancy(table)
    shown = np.asarray(drawn.axes[0].images[0].get_array())
    assert shown.sum() == pytest.approx(100.0)
    assert shown.shape == (2, len(by_node))


def test_nodes_over_beliefs_carry_the_value_of_the_plan(found: Plan) -> None:
    task = tiger(costs=("risk",))
    table = table_beliefs(found, task)
    values = table[["value tiger-left", "value tiger-right"]].to_numpy()
    assert found.controller.start @ values @ task.start == pytest.approx(found.value, rel=1e-9)
    used = table[table["occupancy"] > 0]
    np.testing.assert_allclose(used["belief tiger-left"] + used["belief tiger-right"], 1.0)
    drawn = figure_beliefs(table)
    assert next(text.get_text() for text in drawn.legends[0].get_texts()) in task.actions


def three_states() -> Pomdp:
    rng = np.random.default_rng(0)
    stochastic = rng.dirichlet(np.ones(3), size=(2, 3))
    return Pomdp.from_arrays([*stochastic], [*rng.dirichlet(np.ones(2), size=(2, 3))], rng.random((3, 2)), 0.9)


def test_three_states_are_a_simplex_and_more_are_refused(tmp_path: Path) -> None:
    task = three_states()
    agent = plan(task, nodes=3, starts=2, bounds=(), families=("random",))
    save(figure(agent, "beliefs", task=task), tmp_path / "beliefs.png")
    assert kinds(agent) == ("plan", "occupancy", "beliefs")
    with pytest.raises(ModelError, match="needs task="):
        figure(agent, "occupancy")
    table = table_beliefs(agent, task).assign(**{"value 4": 0.0})
    with pytest.raises(ModelError, match="two or three states, not for 4"):
        figure_beliefs(table)


def test_a_title_is_that_of_the_figure_and_no_history_is_drawn_as_the_end_alone(found: Plan) -> None:
    drawn = figure(replace(found, history=()), title="Tiger at night")
    controller, convergence = drawn.axes
    assert controller.get_title(loc="left") == "Tiger at night"
    assert convergence.lines[0].get_ydata().tolist() == [found.value]
    traced = Frontier("risk", np.array([0.5]), (found,), np.array([np.inf]))
    assert figure(traced, title="Nights").axes[0].get_title(loc="left") == "Nights"


@pytest.mark.parametrize(
    ("flag", "word"), [("undecided", "undecided"), ("infeasible", "infeasible"), ("not_found", "not found")]
)
def test_a_limit_without_a_value_says_why(found: Plan, flag: str, word: str) -> None:
    lost = replace(found, verdict=(PlanVerdict(flag),))
    traced = Frontier("risk", np.array([0.5]), (lost,), np.array([np.inf]))
    assert word in [text.get_text() for text in figure(traced).axes[0].texts]
