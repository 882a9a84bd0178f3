from importlib import import_module

SPECS = {}


def load(path):
    module, name = path.split(":")
    return getattr(import_module(module), name)


class Spec:
    def __init__(self, dataset, oracle, dataset_kwargs=None, oracle_kwargs=None):
        self.dataset, self.oracle = dataset, oracle
        self.dataset_kwargs, self.oracle_kwargs = dataset_kwargs or {}, oracle_kwargs or {}


class Task:
    is_discrete = True
    num_classes = 4

    def __init__(self, dataset, oracle):
        self.dataset, self.oracle, self.predict = dataset, oracle, oracle.predict

    x = property(lambda self: self.dataset.read("x"))
    y = property(lambda self: self.dataset.read("y"))


def register(name, *args, **kwargs):
    SPECS[name] = Spec(*args, **kwargs)


spec = SPECS.__getitem__


def make(name, oracle_kwargs=None):
    found = SPECS[name]
    dataset = load(found.dataset)(**found.dataset_kwargs)
    return Task(dataset, load(found.oracle)(dataset, **{**found.oracle_kwargs, **(oracle_kwargs or {})}))
