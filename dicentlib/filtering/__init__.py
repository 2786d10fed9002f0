"""May this image be scored? A network, plain image analysis, and reasons."""

from dicentlib.filtering.classify import classify_folder, prepare_image, prepare_images, verdicts
from dicentlib.filtering.explain import FilterRules, ImageMeasures, failures, measure
from dicentlib.filtering.network import (
    FilterSettings,
    ImageFilter,
    build_network,
    load_filter,
    save_filter,
)
from dicentlib.filtering.objections import objection
