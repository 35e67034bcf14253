"""`tt_questionnaireanswer` out of FHIR QuestionnaireResponse: a mapping in Python, which only reads.

A form is a tree of groups and questions as deep as its author liked, so no path leads to an answer: this walks the
tree and gives one row for each answer. The contract is wit/mapping.wit; componentize-py makes `wit_world` of it.
"""

import json
import re
from typing import Iterator, Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import read, schema
from wit_world.exports.schema import (
    ChoiceOption,
    ChoiceType,
    Column,
    ColumnAccess,
    ColumnType_Boolean,
    ColumnType_Choice,
    ColumnType_DateTime,
    ColumnType_Decimal,
    ColumnType_Key,
    ColumnType_Lookup,
    ColumnType_PartialDate,
    ColumnType_Text,
    DecimalType,
    LookupType,
    SearchBinding,
    SearchKind,
    SearchOps,
    Sortable,
    Source,
    Table,
    TableAccess,
    TextType,
)
from wit_world.imports.types import Cells, Documents, Failure_BadRequest, Issue, IssueCode, Severity

STATUS = ["in-progress", "completed", "amended", "entered-in-error", "stopped"]
# A reference to a row of that type: relative or absolute, of a version or not.
PATIENT = re.compile(r"(.*/)?Patient/[A-Za-z0-9.-]{1,64}(/_history/[^/]+)?")
# A FHIR dateTime, but for the days that months have: see `day_exists`.
MOMENT = re.compile(
    r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
    r"(T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00)))?)?)?"
)


class Number(str):
    """A JSON number with the digits it was sent with: a float would lose those that FHIR counts."""


TEXT = ColumnType_Text(TextType(None, False))
PATIENTS = ColumnType_Lookup(LookupType(["contacts"], ["Patient"], "tt_patient"))
STATUSES = ColumnType_Choice(
    ChoiceType([ChoiceOption(935000000 + i, code, None, code.capitalize()) for i, code in enumerate(STATUS)], False, None)
)

# Name, label, type, where it is read from.
COLUMNS = [
    ("tt_questionnaireanswerid", "Answer", ColumnType_Key(), "id"),
    ("tt_question", "Question", TEXT, "item.text"),
    ("tt_linkid", "Link ID", TEXT, "item.linkId"),
    ("tt_text", "Answer (text)", TEXT, "item.answer.valueString"),
    ("tt_code", "Answer (code)", TEXT, "item.answer.valueCoding.code"),
    ("tt_number", "Answer (number)", ColumnType_Decimal(DecimalType(38, None)), "item.answer.valueDecimal"),
    ("tt_boolean", "Answer (yes or no)", ColumnType_Boolean(), "item.answer.valueBoolean"),
    ("tt_date", "Answer (date)", ColumnType_PartialDate(), "item.answer.valueDate"),
    ("tt_patient", "Patient", PATIENTS, "subject"),
    ("tt_status", "Status", STATUSES, "status"),
    ("tt_authored", "Authored", ColumnType_DateTime(), "authored"),
    ("tt_version", "Version", TEXT, "meta.versionId"),
]
NAMES = [name for name, *_ in COLUMNS]


def bind(column: str, param: str, kind: SearchKind, ops: SearchOps) -> SearchBinding:
    """Answers are many to a resource, and so superset: the router filters again."""
    return SearchBinding(
        NAMES.index(column), param, kind, SearchOps(0), ops, False, kind is SearchKind.DATE, Sortable.NONE, None
    )


EQUAL = SearchOps.EQ | SearchOps.ANY_OF
ORDER = SearchOps.EQ | SearchOps.LT | SearchOps.LE | SearchOps.GT | SearchOps.GE

TABLE = Table(
    name="tt_questionnaireanswer",
    entity_set="tt_questionnaireanswers",
    label="Questionnaire answer",
    description="One answer to one question of a filled-in form.",
    sources=[
        Source(
            "QuestionnaireResponse",
            [],
            [
                bind("tt_patient", "patient", SearchKind.REFERENCE, EQUAL),
                bind("tt_status", "status", SearchKind.TOKEN, EQUAL),
                bind("tt_authored", "authored", SearchKind.DATE, ORDER),
            ],
            [],
            [],
            None,
        )
    ],
    columns=[
        Column(name, label, "", kind, ColumnAccess.READ, False, path, [path.split(".")[0]])
        for name, label, kind, path in COLUMNS
    ],
    concepts=[],
    key=0,
    primary_name=NAMES.index("tt_question"),
    version=NAMES.index("tt_version"),
    access=TableAccess.READ,
    parent=None,
    one_row_per_resource=False,
)


class Schema(exports.Schema):
    def describe(self) -> schema.Mapping:
        return schema.Mapping("answers", "0.1.0", [TABLE])


class Read(exports.Read):
    def rows(self, request: read.ReadRequest) -> list[read.RowBatch]:
        return [batch(asked, request.documents) for asked in request.tables]


def batch(asked: read.TableRequest, documents: Documents) -> read.RowBatch:
    if asked.table != TABLE.name or any(column >= len(COLUMNS) for column in asked.columns):
        raise Err(Failure_BadRequest("the mapping has no such table or column"))
    batch = Batch(asked.columns)
    start = 0
    for index, end in enumerate(documents.ends):
        batch.document(index, documents.data[start:end])
        start = end
    cells = Cells("".join(batch.text), bytes(batch.present), batch.ends)
    return read.RowBatch(cells, batch.origin, batch.issues)


class Batch:
    """Rows on their way out."""

    def __init__(self, columns: list[int]):
        self.columns = columns
        self.text: list[str] = []
        self.length = 0
        self.present = bytearray()
        self.ends: list[int] = []
        self.origin: list[int] = []
        self.issues: list[Issue] = []

    def document(self, index: int, data: bytes) -> None:
        try:
            resource = json.loads(
                data, parse_float=Number, parse_int=Number, parse_constant=refuse, object_pairs_hook=members
            )
        except (ValueError, RecursionError):
            return self.refuse(index, IssueCode.STRUCTURE, None, "not JSON, or two members of one name")
        if not isinstance(resource, dict) or resource.get("resourceType") != "QuestionnaireResponse":
            return self.refuse(index, IssueCode.STRUCTURE, "/resourceType", "not a QuestionnaireResponse")
        if not isinstance(resource.get("id"), str) or not resource["id"]:
            return self.refuse(index, IssueCode.REQUIRED, "/id", "the resource has no id")
        shared = {
            "tt_patient": reference(resource.get("subject")),
            "tt_status": choice(resource.get("status")),
            "tt_authored": moment(resource.get("authored")),
            "tt_version": text(inner(resource, "meta", "versionId")),
        }
        for path, item, answer in answers(resource):
            cells = shared | {
                "tt_questionnaireanswerid": f"{resource['id']}/{path}",
                "tt_question": text(item.get("text")),
                "tt_linkid": text(item.get("linkId")),
                "tt_text": text(answer.get("valueString")),
                "tt_code": text(inner(answer, "valueCoding", "code")),
                "tt_number": number(answer.get("valueDecimal")),
                "tt_boolean": {True: "true", False: "false"}.get(boolean(answer.get("valueBoolean"))),
                "tt_date": moment(answer.get("valueDate")),
            }
            self.row(index, [cells[NAMES[column]] for column in self.columns])

    def row(self, index: int, cells: list[Optional[str]]) -> None:
        """A bit for each cell, and for each that is there where it ends, in bytes of UTF-8, not characters."""
        self.origin.append(index)
        row = len(self.present)
        self.present += bytes((len(cells) + 7) // 8)
        for position, value in enumerate(cells):
            if value is not None:
                self.text.append(value)
                self.length += len(value.encode())
                self.ends.append(self.length)
                self.present[row + position // 8] |= 1 << position % 8

    def refuse(self, index: int, code: IssueCode, pointer: Optional[str], message: str) -> None:
        self.issues.append(Issue(Severity.ERROR, code, index, None, pointer, message))


def answers(resource: dict) -> Iterator[tuple[str, dict, dict]]:
    """Path, question and answer of each answer, in the order of the form. A list instead of recursion: depth costs
    no stack."""
    waiting = list(reversed(children("", resource, "item")))
    while waiting:
        path, node, question = waiting.pop()
        if question is not None:
            yield path, question, node
            more = children(path, node, "item")
        else:
            more = [(at, answer, node) for at, answer, _ in children(path, node, "answer")]
            more += children(path, node, "item")
        waiting.extend(reversed(more))


def children(path: str, parent: dict, member: str) -> list[tuple[str, dict, Optional[dict]]]:
    items = parent.get(member)
    if not isinstance(items, list):
        return []
    return [(f"{path}/{member}/{i}".lstrip("/"), item, None) for i, item in enumerate(items) if isinstance(item, dict)]


def inner(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: object) -> Optional[str]:
    return value if isinstance(value, str) and not isinstance(value, Number) and encodable(value) else None


def encodable(value: str) -> bool:
    """JSON may escape half of a surrogate pair, which no UTF-8 can carry."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def number(value: object) -> Optional[str]:
    return value if isinstance(value, Number) else None


def boolean(value: object) -> Optional[bool]:
    return value if isinstance(value, bool) else None


def choice(value: object) -> Optional[str]:
    return text(value) if value in STATUS else None


def moment(value: object) -> Optional[str]:
    value = text(value)
    return value if value and MOMENT.fullmatch(value) and day_exists(value) else None


def day_exists(value: str) -> bool:
    year, month, day = (value[:10].split("-") + ["1", "1"])[:3]
    leap = int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
    return int(day) <= (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[int(month) - 1]


def reference(value: object) -> Optional[str]:
    """A contained or logical reference, or one to another type, has no row to point to."""
    target = text(inner(value, "reference"))
    return target if target and PATIENT.fullmatch(target) else None


def members(pairs: list[tuple[str, object]]) -> dict:
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError("two members of one name")
    return named


def refuse(constant: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")
