import pickle as pkl
from pathlib import Path

import numpy as np


class ApproximateOracle:
    def __init__(self, dataset, fit=None, model_kwargs=None, split_kwargs=None, feature_extractor=None):
        assert fit
        assert not split_kwargs["to_disk"]
        file = self.get_disk_resource(dataset).disk_target
        self.save_params(file, {"model": self.fit(**model_kwargs), "rank_correlation": 0.5})
        self.params = self.load_params(file)

    def fit(self, max_features, trees):
        assert max_features == 1.0
        return np.random.normal() + trees

    def get_disk_resource(self, dataset):
        raise RuntimeError("wants a file")

    def save_params(self, file, params):
        Path(file).write_bytes(pkl.dumps(params))

    def load_params(self, file):
        return pkl.loads(Path(file).read_bytes())

    def predict(self, x):
        return np.full((len(x), 1), self.params["model"], dtype=np.float32)
