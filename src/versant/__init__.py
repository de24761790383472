"""versant: exact gradients of sequential decision makers.

    import versant as vs

Five verbs (`fit`, `plan`, `simulate`, `evaluate`, `compare`) over four nouns (agents, tasks, trials, results).
Names are loaded when first used, so that importing versant is quick.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "expressions.functions": (
        "array digamma exp expm1 lgamma log log1p log_softmax logsumexp lookup maximum minimum normal_cdf "
        "normal_log_cdf one_hot ones sigmoid softmax softplus sqrt tanh where zeros"
    ),
    "expressions.custom": "function",
    "agents.parameters": "Domain interval positive real unit",
    "agents.learner": "Learner learner",
    "agents.densities": "Normal",
    "agents.ordinal": "ordinal",
    "inference.controller_result": "ControllerFit ControllerVerdict",
    "inference.group_result": "Group GroupFit",
    "inference.group_verdict": "GroupVerdict",
    "inference.comparison": "Comparison",
    "inference.crossvalidation": "CrossValidation",
    "inference.hbi_result": "HierarchicalSelection SelectionVerdict",
    "inference.prior": "Prior",
    "inference.sample_quality": "SampleVerdict",
    "inference.sample_result": "GroupSample Sample",
    "inference.scored": "Scored",
    "inference.selection": "Selection groups_differ",
    "inference.result": "Fit",
    "inference.verdict": "Verdict",
    "tasks.zoo.bandit": "Bandit",
    "tasks.enumeration": "pomdp_from",
    "tasks.environment": "as_gymnasium",
    "tasks.pomdp": "Pomdp",
    "agents.alpha": "AlphaPolicy",
    "agents.controller": "Controller",
    "agents.controller_model": "ControllerModel",
    "planning.findings": "Pool",
    "planning.result": "Interrupted Plan",
    "planning.verdict": "PlanVerdict",
    "verbs.plan": "plan",
    "verbs.verify": "Verification verify",
    "verbs.compare": "compare",
    "verbs.evaluate": "Evaluation evaluate",
    "trials": "Trials",
    "verbs.fit": "fit log_likelihood objective",
    "inference.calibration": "Calibration",
    "verbs.calibrate": "calibrate",
    "verbs.confusion": "Confusion confusion",
    "verbs.crossvalidate": "crossvalidate",
    "verbs.evidence": "Evidence evidence",
    "verbs.frontier": "Frontier frontier",
    "verbs.identify": "Identifiability identify",
    "verbs.latents": "latents",
    "verbs.loo": "LeaveOneOut loo",
    "verbs.predictive": "Predictive predictive",
    "verbs.statistics": "accuracy choice_curve stay_after",
    "inference.recovery": "Recovery",
    "verbs.recover": "recover",
    "verbs.simulate": "simulate",
    "verbs.equations": "equations",
    "figures.catalogue": "figure figure_table",
    "formats.trials": "read_trials write_trials",
    "formats.problems": "read_pomdp write_pomdp",
    "formats.partitions": "PartitionedFit fit_parts",
    "formats.results": "load_fit load_scored save",
    "formats.bids": "write_events",
    "formats.alpha": "read_alpha write_alpha",
    "formats.plans": "read_plan write_plan",
    "formats.controllers": "read_controller write_controller",
    "formats.exports": "export",
    "formats.policy_graph": "read_policy_graph write_policy_graph",
    "errors": "CapabilityError DataError FormatError ModelError ProblemError VersantError",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}
_ROOMS = {"models": "agents.zoo", "problems": "tasks.zoo"}

__all__ = ["__version__", *_HOME, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{_ROOMS[name]}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'versant' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
