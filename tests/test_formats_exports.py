"""Controllers that travel: chains against an independent solve, programs by running them, graphs, and refusals."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest

import versant as vs
from tests.chains import totals_of_drn, totals_of_prism
from versant.agents.controller import Controller
from versant.errors import FormatError, ProblemError
from versant.formats.dot import controller_dot, pomdp_dot
from versant.formats.exports import export
from versant.planning.chain import controlled_chain
from versant.tasks import zoo

PROBLEMS = {
    "tiger": zoo.tiger(costs=("risk", "listen")),
    "grid": zoo.grid_4x3(costs=("bad",)),
    "grid_corrected": zoo.grid_4x3(corrected=True),
    "cheese": zoo.cheese(),
    "shuttle": zoo.shuttle(),
    "maintenance": zoo.machine_maintenance(costs=("stop",)),
    "maintenance_99": zoo.machine_maintenance(discount=0.99),
    "rocks": zoo.rock_sample(3, 2, costs=("check",)),
    "rocks_44": zoo.rock_sample(4, 2, costs=("check",)),
    "walk": zoo.rock_sample(2, 0),
}


def some_controller(problem, nodes=3, concentration=1.0, seed=1):
    return Controller.random(nodes, problem.actions, problem.observations, seed, concentration=concentration)


def deterministic(problem, nodes=3, seed=1):
    rng = np.random.default_rng(seed)
    n_actions, n_observations = problem.n_actions, problem.n_observations
    eye = np.eye(nodes)
    return Controller(
        eye[nodes - 1],
        np.eye(n_actions)[rng.integers(n_actions, size=nodes)],
        eye[rng.integers(nodes, size=(nodes, n_actions, n_observations))],
        problem.actions,
        problem.observations,
    )


@pytest.mark.parametrize("make", [some_controller, deterministic])
@pytest.mark.parametrize("name", PROBLEMS)
def test_an_independent_reader_of_the_chain_finds_value_and_costs(tmp_path, name, make):
    problem = PROBLEMS[name]
    agent = make(problem)
    expected = vs.evaluate(agent, problem)
    wanted = {"value": expected.value} | {f"cost_{cost}": found.value for cost, found in expected.costs.items()}
    for file, totals in (("chain.drn", totals_of_drn), ("chain.prism", totals_of_prism)):
        export(agent, tmp_path / file, problem)
        found = totals((tmp_path / file).read_text())
        assert set(found) == set(wanted)
        for quantity, value in wanted.items():
            assert abs(found[quantity] - value) <= 1e-9 * max(1.0, abs(value))


def test_the_model_checker_storm_finds_value_and_costs(tmp_path):
    stormpy = pytest.importorskip("stormpy", reason="needs Storm: pip install 'versant[storm]'")
    environment = stormpy.Environment()
    solver = environment.solver()
    solver.set_linear_equation_solver_type(stormpy.environments.EquationSolverType.NATIVE)
    solver.native().precision = type(solver.native().precision)("1e-14")
    for problem in PROBLEMS.values():
        agent = some_controller(problem)
        expected = vs.evaluate(agent, problem)
        wanted = {"value": expected.value} | {f"cost_{cost}": found.value for cost, found in expected.costs.items()}
        export(agent, tmp_path / "chain.drn", problem)
        export(agent, tmp_path / "chain.prism", problem)
        program = stormpy.parse_prism_program(str(tmp_path / "chain.prism"))
        names = re.findall(r'rewards "(\w+)"', (tmp_path / "chain.prism").read_text())
        from_drn = stormpy.build_model_from_drn(str(tmp_path / "chain.drn"))
        for from_prism in (False, True):
            found = {}
            for name in names:
                text = f'R{{"{name}"}}=? [ F "end" ]'
                properties = stormpy.parse_properties(text, program) if from_prism else stormpy.parse_properties(text)
                model = stormpy.build_model(program, properties) if from_prism else from_drn
                result = stormpy.model_checking(model, properties[0], environment=environment)
                found[name] = result.get_value(model.initial_states[0])
            for quantity, value in wanted.items():
                split = (found.get(f"{quantity}_gain"), found.get(f"{quantity}_loss"))
                storms = found[quantity] if quantity in found else split[0] - split[1]
                assert abs(storms - value) <= 1e-9


def test_the_chain_holds_only_what_can_be_reached():
    problem = zoo.rock_sample(3, 2)
    stay = Controller(
        [0.0, 1.0], np.eye(7)[[0, 4]], np.eye(2)[:, None, None].repeat(7, 1).repeat(2, 2), *_names(problem)
    )
    chain = controlled_chain(stay, problem)
    assert chain.size == np.count_nonzero(problem.start)
    assert set(chain.nodes) == {1}
    assert np.allclose(chain.transition.sum(axis=1), 1.0)


def _names(problem):
    return problem.actions, problem.observations


def test_chains_are_refused_where_they_cannot_be_told(tmp_path):
    problem = zoo.tiger()
    agent = some_controller(problem)
    with pytest.raises(FormatError, match="give the problem"):
        export(agent, tmp_path / "a.drn")
    with pytest.raises(FormatError, match=r"written as \.json, .*; the extension is \.xls"):
        export(agent, tmp_path / "a.xls", problem)
    with pytest.raises(ProblemError, match="not those of the problem"):
        export(agent, tmp_path / "a.drn", zoo.cheese())
    twice = problem.with_costs({"a-b": {("*", "*"): 1.0}, "a+b": {("*", "*"): 2.0}})
    with pytest.raises(ProblemError, match="written as 'cost_a_b', as another one is"):
        export(agent, tmp_path / "a.prism", twice)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- programs


def rows_of(agent):
    """Every call of the program and the distribution it draws from."""
    yield ("start", (), agent.start)
    for node in range(agent.n_nodes):
        yield ("act", (node,), agent.action[node])
        for action in range(len(agent.actions)):
            for observation in range(len(agent.observations)):
                yield ("move", (node, action, observation), agent.transition[node, action, observation])


def check_program(agent, call):
    """Elements are drawn in their order, each for a share of u that is its probability."""
    for name, arguments, row in rows_of(agent):
        ends = np.cumsum(row)
        for element in np.flatnonzero(row > 1e-6):
            low, high = ends[element] - row[element], ends[element]
            for u in (low + 1e-9, (low + high) / 2, high - 1e-9):
                assert call(name, *arguments, u) == element
        assert row[call(name, *arguments, 0.0)] > 0
        assert row[call(name, *arguments, np.nextafter(1.0, 0.0))] > 0


AGENTS = {
    "stochastic": some_controller(zoo.tiger()),
    "nearly deterministic": some_controller(zoo.grid_4x3(), nodes=4, concentration=0.05),
    "deterministic": deterministic(zoo.cheese()),
    "odd names": Controller.random(2, ('say "hi"\\', "naïve ??="), ("a\nb", "%{x}"), seed=2),
}


@pytest.mark.parametrize("name", AGENTS)
def test_the_python_program_draws_as_the_controller_does(tmp_path, name):
    agent = AGENTS[name]
    export(agent, tmp_path / "robot.py")
    robot = {}
    exec((tmp_path / "robot.py").read_text(encoding="utf-8"), robot)
    assert (robot["ACTIONS"], robot["OBSERVATIONS"]) == (agent.actions, agent.observations)
    check_program(agent, lambda function, *arguments: robot[function](*arguments))
    for wrong in (("act", -1, 0.5), ("act", 99, 0.5), ("move", 0, 0, 99, 0.5), ("start", 1.0), ("start", float("nan"))):
        with pytest.raises(ValueError, match=r"there is no|in \[0, 1\)"):
            robot[wrong[0]](*wrong[1:])


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no C compiler")
@pytest.mark.parametrize("name", AGENTS)
def test_the_c_program_draws_as_the_controller_does(tmp_path, name):
    agent = AGENTS[name]
    export(agent, tmp_path / "robot.c")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, "-o", tmp_path / "robot.so", tmp_path / "robot.c"], check=True)
    library = ctypes.CDLL(str(tmp_path / "robot.so"))

    def call(function, *arguments):
        *numbers, u = arguments
        return getattr(library, f"controller_{function}")(*numbers, ctypes.c_double(u))

    check_program(agent, call)
    shown = (ctypes.c_char_p * len(agent.actions)).in_dll(library, "controller_action_names")
    assert tuple(text.decode() for text in shown) == agent.actions
    for wrong in (("act", -1, 0.5), ("act", 99, 0.5), ("move", 0, 0, 99, 0.5), ("start", 1.0), ("start", float("nan"))):
        assert call(*wrong) == -1


# ---------------------------------------------------------------- graphs


def test_graph_of_a_controller():
    agent = AGENTS["deterministic"]
    text = controller_dot(agent)
    assert text.count(" -> ") >= agent.n_nodes
    assert "start -> n2" in text
    named = controller_dot(AGENTS["odd names"])
    assert r"say \"hi\"\\" in named


def test_graph_of_a_problem_is_drawn_up_to_a_size():
    assert pomdp_dot(zoo.shuttle()).count("peripheries=2") == 1
    with pytest.raises(ProblemError, match="a graph is drawn of up to"):
        pomdp_dot(zoo.rock_sample(7, 6))


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", AGENTS)
def test_graphviz_reads_the_graph(tmp_path, name):
    export(AGENTS[name], tmp_path / "graph.dot")
    subprocess.run(["dot", "-Tsvg", "-o", tmp_path / "graph.svg", tmp_path / "graph.dot"], check=True)
    assert (tmp_path / "graph.svg").stat().st_size > 500


def test_json_reads_back(tmp_path):
    agent = AGENTS["stochastic"]
    export(agent, tmp_path / "a.json")
    assert np.array_equal(vs.read_controller(tmp_path / "a.json").transition, agent.transition)
