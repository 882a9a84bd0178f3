import pickle as pkl

import requests

from design_bench.oracles.approximate_oracle import ApproximateOracle


class ForestOracle(ApproximateOracle):
    pass


class FingerprintOracle(ApproximateOracle):
    def __init__(self, dataset, feature_extractor, **kwargs):
        self.name = f"forest_{feature_extractor.name}"
        super().__init__(dataset, **kwargs)


class PickledOracle:
    def __init__(self, dataset, **_):
        self.policy = pkl.load("policy.pkl")


class AbsentOracle:
    def __init__(self, dataset, **_):
        self.files = requests.get("http://gone").content
