"""Robots that walk in simulation: Hopper, Ant and D'Kitty on the current MuJoCo (extra `mujoco`).

| module | what it holds |
|---|---|
| `engine` | the import of MuJoCo, rollouts in threads, why a rollout failed |
| `hopper`, `ant`, `dkitty` | one robot each: its body, its rules, its oracle |
| `legs` | morphologies: bounds, clipping and scaling of a robot's legs |
| `policies`, `pickled` | trained controllers, and the restricted reader of the files that hold them |
| `made` | our own data sets: designs from a seed, scores from a file in this package |
| `tasks` | what the plugin offers |
"""
