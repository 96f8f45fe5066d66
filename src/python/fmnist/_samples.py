import numpy as np
from fmnist import core
class Samples:
    def __init__(self, dataset="fashion-mnist", split="train", *, arrays=core.NumpyArrays, reconnect=60.0, **spec):
        self.k = dict(dataset=dataset, split=split, arrays=arrays, **spec)
        self.n = None
    def __len__(self):
        if self.n is None: self.n = core.dataset_of(**self.k).count
        return self.n
    def fetch(self, idx):
        idx = np.asarray(list(idx), dtype=np.int64)
        n=len(self)
        idx = np.where(idx<0, idx+n, idx).astype(np.uint32)
        s = core.Stream(**self.k, order="list", list=idx, batch_size=max(1,len(idx)))
        with s:
            for im, lab in s: return im, lab
