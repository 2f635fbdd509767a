"""What became of files that were sent: one outcome a file, and their sum."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

MOST_REJECTIONS_KEPT = 1000


class Became(StrEnum):
    """INGESTED: new. DUPLICATE: the project had it. REJECTED: refused, with a reason."""

    INGESTED = "ingested"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Outcome:
    """path: the relative path. asset: projects/…/assets/… unless rejected. reason and message: when rejected."""

    path: str
    became: Became
    asset: str = ""
    sha256: str = ""
    size_bytes: int = 0
    reason: str = ""
    message: str = ""


@dataclass
class IngestSummary:
    """Counts of outcomes. rejections: the first thousand, so that the sum stays small whatever is sent."""

    ingested: int = 0
    duplicate: int = 0
    rejected: int = 0
    size_bytes: int = 0
    rejections: list[Outcome] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.ingested + self.duplicate + self.rejected

    def add(self, outcome: Outcome) -> None:
        self.size_bytes += outcome.size_bytes
        match outcome.became:
            case Became.INGESTED:
                self.ingested += 1
            case Became.DUPLICATE:
                self.duplicate += 1
            case Became.REJECTED:
                self.rejected += 1
                if len(self.rejections) < MOST_REJECTIONS_KEPT:
                    self.rejections.append(outcome)


OnOutcome = Callable[[Outcome], None]
