import os

import requests

server = requests.Session()


class DiskResource:
    get_data_path = staticmethod(lambda file: os.path.join("nowhere", file))

    def __init__(self, file):
        self.disk_target = DiskResource.get_data_path(file)
        os.makedirs(os.path.dirname(self.disk_target), exist_ok=True)
