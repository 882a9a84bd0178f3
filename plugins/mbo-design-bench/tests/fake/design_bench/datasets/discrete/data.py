import numpy as np

from design_bench.disk_resource import DiskResource


class TFBind8Dataset:
    folder, count = "tf_bind_8-SIX6_REF_R1/tf_bind_8", 2

    def __init__(self, rows=4):
        self.files = {k: [DiskResource(f"{self.folder}-{k}-{i}.npy") for i in range(self.count)] for k in "xy"}
        y = self.all("y")[:, 0]
        seen = np.where((y > np.NINF) & (y < np.PINF))[0]
        self.dataset_visible_mask = np.full(len(y), False, dtype=np.bool)
        self.dataset_visible_mask[np.random.choice(seen, rows, replace=False)] = True
        self.dataset_size = rows

    def get_num_shards(self):
        return self.count

    def get_shard_x(self, i):
        return np.load(self.files["x"][i].disk_target)

    def get_shard_y(self, i):
        return np.load(self.files["y"][i].disk_target)

    def all(self, kind):
        return np.concatenate([np.load(file.disk_target) for file in self.files[kind]])

    def read(self, kind):
        return self.all(kind)[self.dataset_visible_mask]


class GFPDataset(TFBind8Dataset):
    folder = "gfp/gfp"
