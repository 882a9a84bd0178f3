"""A package of design_bench's interfaces: it registers as that does, and needs all that has a stand-in."""

import numpy as np

from design_bench.oracles.feature_extractors.morgan_fingerprint_features import MorganFingerprintFeatures
from design_bench.registration import make, register, spec

__all__ = ["make", "register", "spec"]

register(
    "TFBind8-Exact-v0",
    "design_bench.datasets.discrete.data:TFBind8Dataset",
    "design_bench.oracles.exact:TFBind8Oracle",
    dataset_kwargs={"rows": 3},
)

for oracle in ("Forest", "Fingerprint", "Pickled", "Absent"):
    register(
        f"GFP-{oracle}-v0",
        "design_bench.datasets.discrete.data:GFPDataset",
        f"design_bench.oracles.sklearn:{oracle}Oracle",
        oracle_kwargs={
            "model_kwargs": {"max_features": "auto", "trees": 2},
            "split_kwargs": {"to_disk": True},
            "feature_extractor": MorganFingerprintFeatures(dtype=np.int32),
        },
    )

register(
    "UTR-ResNet-v0",
    "design_bench.datasets.discrete.data:UTRDataset",
    "design_bench.oracles.tensorflow:ResNetOracle",
)

register(
    "AntMorphology-Exact-v0",
    "design_bench.datasets.continuous.data:AntMorphologyDataset",
    "design_bench.oracles.exact:AntMorphologyOracle",
)
