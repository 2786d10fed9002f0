"""Dicentric chromosomes: detection by ensembles of U-Nets, calibration and dose.

Import what you need from the module that holds it, for example::

    from dicentlib.simulation import simulate_metaphase
    from dicentlib.scoring import score_folder
    from dicentlib.dose import estimate_dose
"""

from dicentlib.threads import set_thread_defaults

__version__ = "0.1.0"
set_thread_defaults()
