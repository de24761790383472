"""What manual and logs of the CBM toolbox print for its example tasks (Piray et al. 2019; manual of June 2019)."""

from __future__ import annotations

INDIVIDUAL = """
-0.9099 -0.1596 -2.2959 0.2281 -1.8879 0.0641 -2.9416 0.6446 0.1626 -1.7082 -2.3983 -0.2423 -2.2385 -0.3139
-1.1035 -0.1045 -0.1508 -1.0967 -3.1319 0.3766 -1.6312 2.8806 -1.9657 1.4585 1.3684 1.3809 0.2462 1.2869
0.5822 1.6409 0.1195 0.7961 0.2869 1.3080 -0.9798 2.4429 -0.2855 1.3087 0.6944 2.0278 1.3887 1.4371
0.0819 1.0805 -0.5053 1.9617 0.4317 1.4263 0.1695 0.8347 0.6204 -0.8997 0.0504 2.2729 -0.2048 -0.2258
0.4743 1.2425 0.5359 0.7142 1.0363 0.0334 0.7106 0.2387 -1.4016 1.7652 0.0332 2.4478 -0.8369 1.4053
-0.0262 0.6052 0.1145 1.2742 0.3787 1.6922 0.0006 2.0756 1.6417 0.6821
"""
"""Laplace's estimates of 40 subjects of the RL task, unconstrained: learning rate and inverse temperature in turn."""

VARIANCE = 6.25
"""Of the prior of every unconstrained parameter, around zero."""

FREQUENCIES = {"RL": 0.2913, "dual RL": 0.7087}
EXCEEDANCE = {"RL": 0.0041, "dual RL": 0.9959}
MEANS = {"RL": [-1.8854, -0.0098], "dual RL": [1.0678, -0.2944, 1.1510]}
ERRORS = {"RL": [0.2954, 0.0409], "dual RL": [0.1183, 0.1038, 0.0912]}
STEPS = 19
"""After so many the toolbox stopped."""

GAINS = (6.62, 2.14, 3.09, 4.28, 4.91, 4.10, 3.42, 2.08, 1.40, 0.99, 0.65, 0.44, 0.30, 0.21, 0.15, 0.11, 0.08, 0.06)
"""Of the bound, in iterations 2 to 19 of the RL task: "dL" in the toolbox's log."""

TWO_STEP = {"hybrid": 0.653, "model-based": 0.347, "model-free": 0.0}
"""Frequencies in the two-step task, from the toolbox's log."""
