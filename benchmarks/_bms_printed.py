"""A worked example of random-effects selection with its printed output.

The README of the R package bmsR (Lisi, github.com/mattelisi/bmsR, CC BY), a translation of SPM12's spm_BMS: evidences
of 6 models for 12 subjects, here to five digits, and what the package prints. Exceedances there are counted in 10⁶
draws.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALPHA", "EXCEEDANCE", "FREQUENCIES", "OMNIBUS_RISK", "PROTECTED", "log_evidence"]

EVIDENCE = """
2.5081e-22 0.00014661 4.5867e-25 4.1054e-07 0.068663 0.036783 0.00011035 1.6813e-08 0.10828 3.9578e-11 0.036784 1.09e-07
0.034341 0.0044633 0.0017233 0.00099083 0.15839 0.029539 0.00012552 0.027219 0.053094 2.0726e-10 0.021482 4.7344e-05
0.67794 5.2095e-08 0.00062739 0.00038849 3.1757e-18 0.19118 3.839e-07 0.061922 0.55919 5.0668e-09 0.041892 0.70201
0.2494 0.86282 0.86478 0.86562 0.14732 0.64361 0.86661 0.78954 0.20729 0.86681 0.77996 0.25826
0.033753 0.11677 0.11703 0.11715 0.49785 0.087103 0.11728 0.10685 0.063555 0.11731 0.10556 0.034951
0.0045679 0.015803 0.015839 0.015854 0.12777 0.011788 0.015872 0.014461 0.0086013 0.015876 0.014324 0.0047301
"""

ALPHA = [1.043623, 1.064976, 1.720754, 11.835847, 1.290641, 1.044160]
FREQUENCIES = [0.05797903, 0.05916533, 0.09559743, 0.65754706, 0.07170226, 0.05800889]
EXCEEDANCE = [0.000279, 0.000319, 0.001173, 0.997441, 0.000514, 0.000274]
OMNIBUS_RISK = 0.002890379
PROTECTED = [0.0007599235, 0.0007998079, 0.0016513395, 0.9950397470, 0.0009942442, 0.0007549379]


def log_evidence() -> NDArray[Any]:
    """Return the log evidences, (6, 12)."""
    return np.log(np.array(EVIDENCE.split(), dtype=np.float64).reshape(6, 12))
