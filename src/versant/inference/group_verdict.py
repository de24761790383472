"""Verdicts of a group: what its estimates are worth, recomputed with the slow engine where they can be."""

from __future__ import annotations

from versant.optimise.status import Word

__all__ = ["DOUBTFUL", "FEW", "GroupVerdict", "largest_gain"]

CONVERGED_GAIN = 1e-2
CONVERGED_SHIFT = 2e-3
DOUBTFUL = 0.1
"""Difference of two rules of integration, in log evidence of the group."""

FEW = 5


def largest_gain(parameters: int) -> float:
    """Return what another Newton step may promise at a maximum.

    A shift of every one of Y group parameters by 0.063 standard errors promises 0.002 Y of log evidence.
    """
    return max(CONVERGED_GAIN, CONVERGED_SHIFT * parameters)


class GroupVerdict(Word):
    """Flags of a group's estimates. ``converged`` alone is what one hopes for.

    Examples
    --------
    >>> GroupVerdict.COVARIANCE_SINGULAR.advice
    'read that direction as: no difference seen between subjects; its standard deviation has no error'
    """

    CONVERGED = (
        "converged",
        "a further Newton step promises less than 0.01 of log evidence (in large models less than 0.002 for each "
        "parameter of the group: 0.06 standard errors), its score recomputed by another rule of "
        "integration (by Laplace: by the slow engine); not polished: a further EM step, recomputed by the slow engine, "
        "moves means and covariance by less than 1e-3 standard deviations",
        "nothing",
    )
    COVARIANCE_SINGULAR = (
        "covariance_singular",
        "in some direction of the parameters the subjects do not differ measurably, and the covariance stands at the "
        "smallest variance allowed",
        "read that direction as: no difference seen between subjects; its standard deviation has no error",
    )
    REGULARISED = (
        "regularised",
        "the marginal likelihood had no proper maximum, or one at a singular covariance of more than three parameters, "
        "and the prior ½ log|Σ| - ½ tr(A⁻² Σ) was put on the covariance between subjects: its standard deviations are "
        "drawn away from zero and from beyond A (four times those of the prior that the fit started from), its "
        "correlations towards zero",
        "do not read single correlations; more subjects, covariance='diagonal', shared= for what does not differ, or "
        "sampling the posterior",
    )
    MEANS_HELD = (
        "means_held",
        "even with a prior on Σ there was no proper maximum, or two rules of integration differed, and a "
        "mean ran away, as where every subject is at an end of a parameter's range; the means have a prior too, of the "
        "weight of one subject: its centre that of the prior that the fit started from, its standard deviations A",
        "a mean with a standard error of several units is the prior's: fixed= or shared= for that parameter, or read "
        "no more from it than the end of the range",
    )
    NO_MAXIMUM = (
        "no_maximum",
        "the observed information of the group's parameters is not positive definite even so: there are no standard "
        "errors, and those of subjects hold the group for known",
        "covariance='diagonal', shared= or fixed= for what the data do not tell, sampling, or more subjects",
    )
    FEW_SUBJECTS = (
        "few_subjects",
        "there are fewer than 5 subjects for each effect of some parameter, or fewer than K + 2 for a full covariance",
        "do not trust the standard errors; sample the posterior instead",
    )
    SUBJECTS_UNSETTLED = (
        "subjects_unsettled",
        "some subject's estimate is not converged, or sits on a kink, where the Laplace evidence is doubtful",
        "look at the subjects' verdicts",
    )
    INTEGRATION_DOUBTFUL = (
        "integration_doubtful",
        "two rules of integration over the subjects' parameters differ by more than 0.1 in the group's log evidence, "
        "or the maximum of one is none by the other",
        "read the subjects' own fits: some posterior has parts far from each other; fix or share what the data do not "
        "tell, or sample the posterior",
    )
