"""The data sets known by name, and what their files must be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganctl.data.idx import IMAGES, LABELS
from ganctl.data.image_data import DIGIT_NAMES


@dataclass(frozen=True)
class Known:
    """One data set's training split."""

    dataset: str
    """The name of its class in torchvision.datasets."""
    sha256: dict[str, str]
    """Archives, and those unpacked files for which it is known → SHA-256 in hex."""
    class_names: tuple[str, ...] = DIGIT_NAMES
    images: str = IMAGES
    """The file with the images."""
    labels: str = LABELS
    """The file with the labels."""
    count: int = 60_000
    """Images of the training split."""
    side: int = 28
    """Their height and width in pixels."""
    what: str = ""
    """What they show."""
    source: str = ""
    """Whose they are, and under which licence where one is stated."""
    download: int = 0
    """Bytes of its archives, roughly."""

    def folder(self, data_dir: Path) -> Path:
        """Return where torchvision keeps the files under ``data_dir``."""
        return data_dir if self.dataset == "USPS" else data_dir / self.dataset / "raw"


def sums(text: str) -> dict[str, str]:
    """Return name → digest from lines as sha256sum prints them."""
    return {name: digest for digest, name in map(str.split, text.strip().splitlines())}


KNOWN = {
    "mnist": Known(
        "MNIST",
        sums("""
        ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
        65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte
        440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609  train-images-idx3-ubyte.gz
        3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c  train-labels-idx1-ubyte.gz
        8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6  t10k-images-idx3-ubyte.gz
        f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6  t10k-labels-idx1-ubyte.gz
        """),
        what="handwritten digits",
        source="LeCun, Cortes and Burges; CC BY-SA 3.0",
        download=11_600_000,
    ),
    "fashion-mnist": Known(
        "FashionMNIST",
        sums("""
        3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84  train-images-idx3-ubyte.gz
        a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845  train-labels-idx1-ubyte.gz
        346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073  t10k-images-idx3-ubyte.gz
        67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5  t10k-labels-idx1-ubyte.gz
        """),
        tuple("T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag".split())
        + ("Ankle boot",),
        what="garments",
        source="Zalando Research; MIT",
        download=30_900_000,
    ),
    "kmnist": Known(
        "KMNIST",
        sums("""
        51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4  train-images-idx3-ubyte.gz
        e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17  train-labels-idx1-ubyte.gz
        edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5  t10k-images-idx3-ubyte.gz
        20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c  t10k-labels-idx1-ubyte.gz
        """),
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        what="kuzushiji, cursive Japanese",
        source="CODH, after NIJL's Kuzushiji data; CC BY-SA 4.0",
        download=21_200_000,
    ),
    "emnist-digits": Known(
        "EMNIST",
        sums("fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e  gzip.zip"),
        images="emnist-digits-train-images-idx3-ubyte",
        labels="emnist-digits-train-labels-idx1-ubyte",
        count=240_000,
        what="handwritten digits",
        source="Cohen et al. 2017, from NIST's Special Database 19",
        download=562_000_000,
    ),
    "usps": Known(
        "USPS",
        sums("3771e9dd6ba685185f89867b6e249233dd74652389f263963b3b741e994b034f  usps.bz2"),
        images="usps.bz2",
        labels="usps.bz2",
        count=7_291,
        side=16,
        what="digits from envelopes",
        source="Hull 1994, by way of LIBSVM",
        download=6_600_000,
    ),
}
