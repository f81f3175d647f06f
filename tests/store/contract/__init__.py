"""What any `Store` must do, in terms of the protocol alone.

`StoreContract` is a test class without an implementation: a test module subclasses it and provides
the fixture `open_store`, which opens the same store whenever it is called.
"""

from store.contract.changes import ChangesContract
from store.contract.executions import ExecutionContract
from store.contract.failures import FailureContract
from store.contract.lessons import LessonContract
from store.contract.statistics import StatisticsContract
from store.contract.transfer import TransferContract
from store.contract.vectors import VectorContract

__all__ = ["StoreContract"]


class StoreContract(
    ExecutionContract,
    ChangesContract,
    VectorContract,
    StatisticsContract,
    FailureContract,
    LessonContract,
    TransferContract,
):
    """All of them."""
