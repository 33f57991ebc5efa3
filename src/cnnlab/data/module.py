"""The LightningDataModule: a data set, normalised, split and resident on the device."""

import logging
import textwrap
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from lightning import LightningDataModule

from cnnlab.data.augmentation import Augmentation
from cnnlab.data.batches import Batch, EpochShuffle, FixedOrder, ResidentBatches, ShuffledBatches
from cnnlab.data.source import Expected, Images, Source, check_images, with_channels
from cnnlab.data.split import stratified_split
from cnnlab.errors import UserError
from cnnlab.seeding import derive_seed

logger = logging.getLogger(__name__)
WARNING_COLUMNS = 100


class ImageDataModule(LightningDataModule):
    """Training, validation and test images of one data set.

    Args:
        name: The data set's name.
        files: The source of the images and labels.
        image_shape: Channels, height and width of an image.
        num_classes: Labels are 0 … num_classes-1.
        mean: Mean of the training pixels, of all channels, on the scale [0, 1].
        std: Their standard deviation.
        classes: The classes' names, in the order of the labels.
        num_train: Published training images, including `num_val`.
        num_val: Validation images, a stratified draw from them; 0 for none.
        num_test: Published test images.
        batch_size: Training images per step and process.
        eval_batch_size: Images per step of an evaluation.
        split_seed: Determines which images validate.
        pixel_order_seed: Determines a permutation of the pixels, the same for all images; None leaves them in place.
        seed: Determines, with the epoch, the order of the training images.
        watch: The split that Lightning's validation evaluates: `"val"` or `"test"`.
        augmentation: Transforms the training images, a batch at a time; None for none.
        fallback: Replaces this data set if its files are missing and cannot be downloaded.
    """

    _shared: ClassVar[dict[str, dict[str, Batch]]] = {}

    def __init__(
        self,
        *,
        name: str,
        files: Source,
        image_shape: Sequence[int],
        num_classes: int,
        mean: float,
        std: float,
        classes: list[str],
        num_train: int,
        num_val: int,
        num_test: int,
        batch_size: int,
        eval_batch_size: int,
        split_seed: int,
        seed: int,
        pixel_order_seed: int | None = None,
        watch: str = "val",
        augmentation: Augmentation | None = None,
        fallback: "ImageDataModule | None" = None,
    ) -> None:
        super().__init__()
        self.name: str = name
        self.files = files
        self.image_shape = list(image_shape)
        self.num_classes = num_classes
        self.mean = mean
        self.std = std
        self.classes = list(classes)
        self.num_train = num_train
        self.num_val = num_val
        self.num_test = num_test
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.split_seed = split_seed
        self.seed = seed
        self.pixel_order_seed = pixel_order_seed
        self.watch = watch
        self.augmentation = augmentation
        self.fallback = fallback
        self._gave_up = False
        self._parts: dict[str, Batch] = {}
        self._train_batches: ShuffledBatches | None = None
        self._place: dict[str, int] | None = None

    @property
    def effective(self) -> "ImageDataModule":
        """The data set that is used: this, or its fallback if this data set's files are missing."""
        return self.fallback if self.fallback is not None and self.files.missing() else self

    def prepare_data(self) -> None:
        """Downloads the missing files, in one process per machine.

        Raises:
            UserError: If that fails and there is no fallback.
        """
        missing = self.files.missing()
        if not missing or self._gave_up:
            return
        logger.info("%s: %s is missing; trying to download it", self.name, missing[0])
        try:
            self.files.download()
        except OSError as error:
            if self.fallback is None:
                names = ", ".join(path.name for path in missing)
                form = "" if names.endswith(".gz") else " (plain, or .gz)"
                raise UserError(
                    f"data={self.name} needs {names}{form} in {missing[0].parent}, and the download failed ({error}); "
                    "put the files there, or set CNNLAB_DATA_DIR to a folder that has them"
                ) from error
            self._gave_up = True  # Lightning calls this again before the test
            self._warn_of_fallback(str(error))

    def setup(self, stage: str | None = None) -> None:
        """Loads the data, once, and moves it to the training device."""
        if self._parts:
            return
        used = self.effective
        device = self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")
        parts = self._shared.get(used.identity) or used.load()
        self._parts = {part: (images.to(device), labels.to(device)) for part, (images, labels) in parts.items()}
        self._check_limits()

    def load(self) -> dict[str, Batch]:
        """Reads, checks, splits and normalises the images and labels of each part, and permutes the pixels."""
        parts = self.split(self.files.load(self._expected))
        return {
            part: (self._in_pixel_order(_normalise(images, self.mean, self.std)), labels)
            for part, (images, labels) in parts.items()
        }

    def _in_pixel_order(self, images: torch.Tensor) -> torch.Tensor:
        if self.pixel_order_seed is None:
            return images
        order = pixel_order(self.pixel_order_seed, images[0, 0].numel())
        return images.flatten(2)[:, :, order].view_as(images)

    @property
    def _expected(self) -> Expected:
        return Expected(self.image_shape, self.num_classes, self.num_train, self.num_test)

    def share(self) -> None:
        """Loads the data for all modules with the same identity in this process and its forks."""
        used = self.effective
        self._shared[used.identity] = used.load()

    @property
    def identity(self) -> str:
        """A text that is the same for modules that load the same data."""
        counts = (self.num_train, self.num_val, self.num_test, self.split_seed, self.pixel_order_seed)
        facts = (self.image_shape, self.num_classes, self.mean, self.std)
        return repr((*facts, *counts, type(self.files), sorted(vars(self.files).items())))

    def split(self, images: Images) -> dict[str, Batch]:
        """Raw images and labels of `train`, `val` (unless it is empty) and `test`.

        Raises:
            UserError: If the number of images, their shape or the labels differ from the config, or `num_val` is too
                large.
        """
        check_images(self.name, images, self._expected)
        parts = {"train": (images.train_images, images.train_labels), "test": (images.test_images, images.test_labels)}
        if self.num_val > 0:
            kept, held_out = stratified_split(images.train_labels, self.num_val, self.split_seed)
            parts["train"] = (images.train_images[kept], images.train_labels[kept])
            parts["val"] = (images.train_images[held_out], images.train_labels[held_out])
        return parts

    @property
    def sizes(self) -> dict[str, int]:
        """The number of images in each part; 0 for an absent part."""
        return {part: len(self._parts[part][0]) if part in self._parts else 0 for part in ("train", "val", "test")}

    @property
    def background(self) -> float:
        """The value of an empty pixel, normalised."""
        return -self.effective.mean / self.effective.std

    def part(self, name: str) -> Batch:
        """All images, normalised, (N, *image_shape), and labels, (N,), of `"train"`, `"val"` or `"test"`."""
        return self._parts[name]

    def train_dataloader(self) -> ShuffledBatches:
        """Shuffled batches, in a new order each epoch; in the same order with `trainer.overfit_batches`."""
        images, labels = self._parts["train"]
        overfits = self.trainer is not None and self.trainer.overfit_batches > 0  # type: ignore[attr-defined]
        order = (FixedOrder if overfits else EpochShuffle)(self.seed, len(images))
        self._train_batches = ShuffledBatches(
            images,
            labels,
            self.batch_size,
            order,
            **self._process(),
            augmentation=self.augmentation,
            background=self.background,
        )
        if self._place is not None:
            self._train_batches.load_state_dict(self._place)
        return self._train_batches

    def val_dataloader(self) -> ResidentBatches | list[Batch]:
        """The watched split's batches in order; an empty list if it has no images."""
        return self._in_order(self.watch)

    def test_dataloader(self) -> ResidentBatches | list[Batch]:
        """The test set's batches in order."""
        return self._in_order("test")

    def state_dict(self) -> dict[str, Any]:
        """The name of the data set that is used, and the position in the epoch.

        Lightning stores the position too, but loses it if `trainer.estimated_stepping_batches` was read before.
        """
        place = None if self._train_batches is None else self._train_batches.state_dict()
        return {"name": self.effective.name, "place": place}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the position, but not for another data set.

        Raises:
            UserError: If the run started on another data set: the fallback, or the requested one.
        """
        self._place = state_dict["place"]
        if state_dict["name"] != self.effective.name:
            raise UserError(
                f"this run started on {state_dict['name']}, but the data now available is {self.effective.name}; make "
                f"{state_dict['name']} available (CNNLAB_DATA_DIR), or start a new run"
            )

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """The unchanged batch, which is already on the device."""
        return batch

    def _in_order(self, part: str) -> ResidentBatches | list[Batch]:
        if part not in self._parts:
            return []
        images, labels = self._parts[part]
        return ResidentBatches(images, labels, self.eval_batch_size, **self._process())

    def _check_limits(self) -> None:
        """Rejects a fraction of the test batches that is none, which would only show after the fit.

        `cnnlab.experiment.check` knows it for the requested data set, not for its fallback.
        """
        limit = 1.0 if self.trainer is None else self.trainer.limit_test_batches
        batches = self.test_dataloader()
        if isinstance(limit, float) and int(limit * len(batches)) == 0:
            raise UserError(
                f"trainer.limit_test_batches={limit} leaves no batch of the test set of {self.effective.name}, which "
                f"has {len(batches)}; use a number of batches, such as trainer.limit_test_batches=1"
            )

    def _process(self) -> dict[str, int]:
        if self.trainer is None:
            return {}
        return {"rank": self.trainer.global_rank, "world_size": self.trainer.world_size}

    def _warn_of_fallback(self, reason: str) -> None:
        assert self.fallback is not None
        root = self.files.missing()[0].parent
        sentences = (
            f"data={self.name} is unavailable, so this run uses {self.fallback.name}: "
            f"{self.fallback.num_train - self.fallback.num_val} training and {self.fallback.num_test} test images.",
            f"Its accuracies are not those of {self.name}, whose files belong in {root}. Set CNNLAB_DATA_DIR, or "
            "data.fallback=null to get an error instead.",
            f"({' '.join(reason.split())})",
        )
        lines = [
            line
            for sentence in sentences
            for line in textwrap.wrap(sentence, WARNING_COLUMNS - 2, break_long_words=False, break_on_hyphens=False)
        ]
        frame = "!" * WARNING_COLUMNS
        logger.warning("%s", "\n".join([frame, *(f"! {line}" for line in lines), frame]))


def pixel_order(seed: int, num_pixels: int) -> torch.Tensor:
    """Which pixel takes each place: a permutation of 0 … num_pixels-1, row by row.

    Args:
        seed: `data.pixel_order_seed`.
        num_pixels: Of an image.
    """
    return torch.randperm(num_pixels, generator=torch.Generator().manual_seed(derive_seed(seed, "pixel_order")))


def _normalise(images: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """uint8 (N, H, W) or (N, C, H, W) to float32 (N, C, H, W): to [0, 1], then mean 0 and standard deviation 1."""
    return with_channels(images).to(torch.float32).div_(255).sub_(mean).div_(std)
