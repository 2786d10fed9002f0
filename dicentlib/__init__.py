"""Dicentric chromosomes: detection by ensembles of U-Nets, calibration and dose.

The names below are loaded when they are first used; everything else is imported from the
package that holds it, for example ``dicentlib.calibration``.

The papers' method in four places: the loss (``dicentlib.loss``), the vote (``dicentlib.voting``),
the curve (``dicentlib.calibration.fit``) and a laboratory's route to the dose
(``dicentlib.dose.route``).
"""

import lazy_loader

from dicentlib.threads import set_thread_defaults

__version__ = "0.1.0"
__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *_names]
set_thread_defaults()
