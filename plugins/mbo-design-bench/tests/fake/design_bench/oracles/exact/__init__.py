import gym
import numpy as np
from morphing_agents.mujoco.ant.elements import LEG

hopper, leg = gym.make, LEG(0.0, length=1.0)


class TFBind8Oracle:
    def __init__(self, dataset):
        self.table = {tuple(x): y for x, y in zip(dataset.all("x"), dataset.all("y"), strict=False)}

    def predict(self, x):
        return np.array([self.table.get(tuple(row), [-np.inf]) for row in x], dtype=np.float32)
