"""Reads what the server writes for other programs: files of rows (pyarrow), the API as OpenAPI (openapi-spec-validator).
Arguments: the root of the table API, a table with rows, how many."""

import io
import json
import sys
import urllib.request

import openapi_spec_validator
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

root, table, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


def get(path):
    with urllib.request.urlopen(root + "/" + path) as answer:
        return answer.read()


rows = json.loads(get(table))["value"]
packed = pyarrow.parquet.read_table(io.BytesIO(get(table + "?$format=parquet")))
assert packed.num_rows == len(rows) == count, (packed.num_rows, len(rows))
kinds = {field.name: field.type for field in packed.schema}
assert kinds["birthdate"] == pa.date32(), kinds["birthdate"]
assert kinds["msemr_azurefhirlastupdatedon"] == pa.timestamp("us", tz="UTC"), kinds["msemr_azurefhirlastupdatedon"]
assert kinds["gendercode"] == pa.int32(), kinds["gendercode"]
for row, held in zip(rows, packed.to_pylist()):
    assert str(row["birthdate"]) == str(held["birthdate"])
    assert row["lastname"] == held["lastname"] and row["gendercode"] == held["gendercode"]

texts = pyarrow.csv.read_csv(io.BytesIO(get(table + "?$format=csv")), parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))
assert texts.num_rows == count
assert [row["lastname"] for row in rows] == [text or None for text in texts.column("lastname").to_pylist()]

openapi_spec_validator.validate(json.loads(get("$openapi?tables=contacts,accounts,msemr_encounters,msemr_observations")))
print("read")
