"""Results as columns: numpy, pandas, and everything that speaks Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


class Frame:
    """Named columns of equal length, immutable.

    ``pyarrow.table(frame)``, ``polars.from_arrow(frame)`` and DuckDB take it as it is, without a
    copy, through ``__arrow_c_stream__`` (Arrow PyCapsule interface). A number that does not exist
    is NaN.
    """

    def __init__(self, table: _core.Table) -> None:
        self._columns = table

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self._columns.columns

    def column(self, name: str) -> NDArray[Any]:
        """One column as an array of shape ``(len(self),)``.

        Numbers are a read-only view of the frame's own memory; texts have dtype ``object``.

        Raises:
            KeyError: No column has that name.
        """
        import numpy as np

        values = self._columns.column(name)
        return np.array(values, dtype=object) if isinstance(values, list) else values

    def to_numpy(self) -> NDArray[np.void]:
        """A structured array of shape ``(len(self),)`` with one field per column; a copy."""
        import numpy as np

        columns = {name: self.column(name) for name in self.columns}
        fields = [(name, column.dtype) for name, column in columns.items()]
        array = np.empty(self._columns.rows, fields)
        for name, column in columns.items():
            array[name] = column
        return array

    def to_pandas(self) -> pd.DataFrame:
        """A data frame with one row per row and a fresh index; needs pandas."""
        import pandas as pd

        return pd.DataFrame({name: self._columns.column(name) for name in self.columns})

    def __len__(self) -> int:
        return self._columns.rows

    def __arrow_c_schema__(self) -> object:
        """A PyCapsule ``arrow_schema``."""
        return self._columns.schema()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A PyCapsule ``arrow_array_stream`` that yields one batch; single use.

        Args:
            requested_schema: Not used: columns come in their own types, as the interface allows.
        """
        return self._columns.stream()
