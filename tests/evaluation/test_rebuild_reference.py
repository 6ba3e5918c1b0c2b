from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganctl.evaluation import rebuild_reference
from ganctl.evaluation.rebuild_reference import Shipped, load_shipped

from ..data.files import idx_bytes, small_set, write_idx_pair


def test_rebuilding_from_other_images_is_a_failed_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out.npz"
    images, labels = small_set()
    write_idx_pair(raw, images, labels)
    for name, array in zip(rebuild_reference.TEST_FILES, (images, labels), strict=True):
        (raw / name).write_bytes(idx_bytes(array))
    assert rebuild_reference.main([str(raw), str(out)]) == 5
    outcome = capsys.readouterr()
    assert f"wrote {out}: SHA-256 " in outcome.out
    assert "mean, covariance, step, multiples, probabilities, digits, authen" in outcome.err
    with np.load(out) as archive:
        rebuilt = Shipped(**archive)
    assert rebuilt.authenticity.tolist() == [rebuilt.authenticity[0], 0]  # all are training images
    assert rebuild_reference.pack(rebuilt) == out.read_bytes()
    assert rebuild_reference.main([str(tmp_path)]) == 3


def test_rebuilt_values_may_differ_by_their_rounding_only() -> None:
    shipped = load_shipped()
    assert rebuild_reference.differences(shipped, shipped) == []
    near = shipped._replace(mean=shipped.mean + np.float32(1e-4), multiples=shipped.multiples + 1)
    assert rebuild_reference.differences(near, shipped) == []
    far = shipped._replace(
        mean=shipped.mean + np.float32(0.1),
        digits=shipped.digits[::-1],
        multiples=shipped.multiples[:-1],
        judge=np.array("another"),
    )
    assert rebuild_reference.differences(far, shipped) == ["judge", "mean", "multiples", "digits"]
