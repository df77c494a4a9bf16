from __future__ import annotations

import gc
import math

import gatewright as gw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest


@pytest.fixture(scope="module")
def result() -> gw.RunResult:
    return gw.run(gw.testing.worlds()[1], runs=11)


def test_arrow_takes_the_columns_as_they_are(result: gw.RunResult) -> None:
    table = pa.table(result.records)
    assert table.column_names == list(result.records.columns)
    assert table.num_rows == 11
    assert table.schema == pa.schema(result.records)
    assert table.schema.field("replication").type == pa.uint64()
    assert table.schema.field("stage").type == pa.string()
    assert table.schema.field("failing.cost").type == pa.bool_()
    assert table.schema.field("ended_at_minutes").type == pa.float64()
    table.validate(full=True)
    for name in result.records.columns:
        np.testing.assert_array_equal(
            table[name].to_pylist(), [*result.records.column(name)], err_msg=name
        )


def test_the_records_attributes_are_its_columns(result: gw.RunResult) -> None:
    for name in result.records.columns:
        if name.startswith("failing."):
            expected = [name.removeprefix("failing.") in r.failing for r in result.records]
        elif name == "violations":
            expected = [len(record.violations) for record in result.records]
        else:
            expected = [getattr(record, name) for record in result.records]
        column = [None if v != v else v for v in result.records.column(name).tolist()]
        assert column == expected, name


def test_arrow_keeps_the_memory_alive() -> None:
    records = gw.run(gw.testing.worlds()[0], runs=2).records
    expected = records.column("requests").tolist()
    stage = records.column("stage").tolist()
    array = records.column("requests")
    table = pa.table(records)
    moved_out = table["stage"]
    del records, table
    gc.collect()
    assert array.tolist() == expected
    assert moved_out.to_pylist() == stage


def test_a_stream_is_single_use(result: gw.RunResult) -> None:
    capsule = result.records.__arrow_c_stream__()
    reader = pa.RecordBatchReader._import_from_c_capsule(capsule)
    assert [batch.num_rows for batch in reader] == [11]
    with pytest.raises(pa.ArrowInvalid):
        pa.RecordBatchReader._import_from_c_capsule(capsule)
    assert pa.table(result.records).num_rows == 11


def test_a_stream_that_nobody_takes_is_released(result: gw.RunResult) -> None:
    for _ in range(1000):
        result.records.__arrow_c_stream__()
        result.records.__arrow_c_schema__()


def test_an_empty_frame_is_a_frame() -> None:
    twin = gw.run(gw.testing.worlds()[0], runs=2).twin_records
    assert len(twin) == 0
    assert pa.table(twin).num_rows == 0
    assert pa.table(twin).schema == pa.schema(twin)
    assert twin.to_pandas().shape == (0, len(twin.columns))
    assert twin.to_numpy().shape == (0,)


def test_pandas_gets_one_row_per_run(result: gw.RunResult) -> None:
    frame = result.records.to_pandas()
    assert frame.shape == (11, len(result.records.columns))
    assert frame["failing.cost"].dtype == np.dtype(bool)
    assert pd.api.types.is_string_dtype(frame["stage"])
    assert frame["failing.cost"].mean() == result.estimates["halted_by_gate.cost"].value
    assert frame["detection_delay_minutes"].median() == pytest.approx(
        result.estimates["detection_delay_minutes_p50"].value
    )


def test_numpy_gets_a_structured_array(result: gw.RunResult) -> None:
    array = result.records.to_numpy()
    assert array.dtype.names == result.records.columns
    assert array.shape == (11,)
    assert array["replication"].tolist() == list(range(11))


def test_columns_cannot_be_changed(result: gw.RunResult) -> None:
    column = result.records.column("steps")
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1
    with pytest.raises(KeyError):
        result.records.column("nothing")


def test_what_does_not_exist_is_nan() -> None:
    records = gw.run(gw.testing.worlds()[0], runs=2).records
    assert all(math.isnan(delay) for delay in records.column("detection_delay_minutes"))
