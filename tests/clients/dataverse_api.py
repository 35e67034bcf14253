"""dataverse-api, as PyPI has it, against a server of ours.

    dataverse_api.py SERVER_PORT

Prints a line a check and ends with status 1 if one fails.
"""

import os
import sys
import traceback

# The package, not this file.
sys.path.pop(0)
os.environ["NO_PROXY"] = "*"

import requests  # noqa: E402
from dataverse_api.dataverse import DataverseClient  # noqa: E402

client = DataverseClient(session=requests.Session(), environment_url=f"http://localhost:{sys.argv[1]}/")
failed = []


def check(test):
    try:
        test()
        print(f"ok {test.__name__}", flush=True)
    except Exception:
        failed.append(test.__name__)
        print(f"FAILED {test.__name__}\n{traceback.format_exc()}", flush=True)


PATIENT = "4c73b472-442b-4920-b899-aadc599f1d75"
PERSON = {"msemr_contacttype": 935000000}


def keys(responses):
    return [response.headers["OData-EntityId"].rsplit("(", 1)[1].rstrip(")") for response in responses]


@check
def what_it_asks_of_a_table():
    contact = client.entity("contact")
    assert contact.entity_set_name == "contacts" and contact.primary_id_attr == "contactid"
    assert contact.relationships.single_valued and contact.relationships.collection_valued


@check
def rows():
    contact = client.entity("contact")
    found = contact.read(select=["fullname"], filter=f"contactid eq {PATIENT}", return_formatted_values=True)
    assert [row["fullname"] for row in found] == ["Patient One"], found
    assert len(contact.read(select=["fullname"], page_size=1)) >= 2


@check
def rows_that_come_and_go():
    contact = client.entity("contact")
    made = keys(contact.create([{"lastname": name, **PERSON} for name in ("One", "Two")], mode="individual"))
    contact.upsert([{"contactid": key, "lastname": "Changed"} for key in made], mode="individual")
    found = contact.read(select=["lastname"], filter=" or ".join(f"contactid eq {key}" for key in made))
    assert [row["lastname"] for row in found] == ["Changed", "Changed"], found
    contact.delete(mode="individual", ids=made)
    assert contact.read(filter=" or ".join(f"contactid eq {key}" for key in made)) == []


@check
def rows_in_a_batch():
    contact = client.entity("contact")
    contact.create([{"lastname": "InBatch", **PERSON} for _ in range(3)], mode="batch")
    made = [row["contactid"] for row in contact.read(select=["contactid"], filter="lastname eq 'InBatch'")]
    assert len(made) == 3, made
    contact.delete(mode="batch", ids=made)
    assert contact.read(filter="lastname eq 'InBatch'") == []


print(f"{len(failed)} failed: {failed}" if failed else "all checks passed", flush=True)
sys.exit(1 if failed else 0)
