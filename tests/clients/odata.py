"""OData clients and a FHIR client for Python, as PyPI has them, against a server of ours: odatapy, python-odata,
sqlalchemy-odata, fhirpy. Each does what it is made for. And what they read first, by lxml.

    odata.py SERVER_PORT

Prints a line a check and ends with status 1 if one fails.
"""

import os
import sys
import traceback

# The packages, not this file.
sys.path.pop(0)
os.environ["NO_PROXY"] = "*"
ROOT = f"http://localhost:{sys.argv[1]}"
API = f"{ROOT}/api/data/v9.2/"
PATIENT = "4c73b472-442b-4920-b899-aadc599f1d75"
PERSON = {"msemr_contacttype": 935000000}
failed = []


def check(test):
    try:
        test()
        print(f"ok {test.__name__}", flush=True)
    except Exception:
        failed.append(test.__name__)
        print(f"FAILED {test.__name__}\n{traceback.format_exc()}", flush=True)


@check
def python_odata():
    """Classes made of `$metadata`; lists, rows that come, change and go."""
    from odata import ODataService

    service = ODataService(API, reflect_entities=True)
    contact, encounter = service.entities["contacts"], service.entities["msemr_encounters"]
    people = service.query(contact).filter(contact.lastname == "One").order_by(contact.fullname.desc()).limit(5).all()
    assert [row.fullname for row in people] == ["Practitioner One", "Patient One"], people
    assert service.query(contact).filter(contact.fullname.startswith("Patient O")).count() == 1
    assert service.query(contact).filter(contact.lastname == "O'Neil").all() == []
    row = service.query(contact).get(PATIENT)
    assert row.fullname == "Patient One"
    led = service.query(encounter).expand(encounter.msemr_subjectpatient).all()
    assert any(row.msemr_subjectpatient and row.msemr_subjectpatient.fullname for row in led)

    made = contact()
    made.lastname, made.msemr_contacttype = "O'Neil", 935000000
    service.save(made)
    assert made.contactid
    made.lastname = "Changed"
    service.save(made)
    found = service.query(contact).filter(contact.lastname == "Changed").all()
    assert [row.contactid for row in found] == [made.contactid], found
    service.delete(made)
    assert service.query(contact).filter(contact.lastname == "Changed").all() == []


@check
def sqlalchemy_odata():
    """Tables found by `$metadata`, all pages of them read, joined and grouped by SQL."""
    from sqlalchemy import create_engine, text

    engine = create_engine(f"odata://localhost:{sys.argv[1]}/api/data/v9.2")
    with engine.connect() as connection:
        def ask(sql):
            return [tuple(row) for row in connection.execute(text(sql))]

        assert ask("SELECT fullname FROM contacts WHERE fullname = 'Patient One'") == [("Patient One",)]
        groups = ask("SELECT gendercode, COUNT(*) FROM contacts GROUP BY gendercode")
        assert sum(count for _, count in groups) == ask("SELECT COUNT(*) FROM contacts")[0][0] > 1
        joined = ask(
            "SELECT COUNT(*) FROM msemr_encounters e JOIN contacts c ON c.contactid = e._msemr_subjectpatient_value"
        )
        assert joined[0][0] > 0, joined


@check
def odatapy():
    """Lists page by page, rows that come, change and go, a batch in both forms."""
    from odatapy.client import ODataClient
    from odatapy.client.filters import Field, and_
    from odatapy.client.transport import HttpxTransport

    client = ODataClient(API, HttpxTransport())
    people = client.entity_set_uri("contacts").filter(and_(Field("lastname").eq("One"), Field("fullname").startswith("Pat")))
    found = client.get_entity_set(people.select("fullname").orderby("fullname desc").top(5).count(True))
    assert [row.get_value("fullname") for row in found.entities] == ["Patient One"] and found.count == 1
    everybody = client.entity_set_uri("contacts")
    pages = list(client.iter_entities(everybody.select("fullname"), headers={"Prefer": "odata.maxpagesize=1"}))
    assert len(pages) == client.get_count(client.entity_set_uri("contacts")) >= 2

    made = client.create_entity("contacts", {"lastname": "Kiwi", **PERSON})
    uri = f"{API}contacts({made.get_value('contactid')})"
    client.update_entity(uri, {"firstname": "Green"})
    assert client.get_entity(uri).get_value("fullname") == "Green Kiwi"
    client.delete_entity(uri)
    assert client.get_count(client.entity_set_uri("contacts").filter(Field("lastname").eq("Kiwi"))) == 0

    for form in ("multipart", "json"):
        batch = client.batch(format=form)
        asked = batch.add_retrieve("contacts?$top=1", content_id="a")
        changes = batch.add_changeset()
        changes.create("contacts", {"lastname": "InBatch", **PERSON}, content_id="1")
        answer = client.execute_batch(batch)
        answer.raise_for_status()
        row = answer.by_content_id("1").entity()
        client.delete_entity(f"{API}contacts({row.get_value('contactid')})")


@check
def fhirpy():
    """The endpoint that takes bundles, as a FHIR client sees it."""
    from fhirpy import SyncFHIRClient
    from fhirpy.base.exceptions import OperationOutcome

    client = SyncFHIRClient(f"{ROOT}/fhir", authorization="Bearer nobody looks at it")
    statement = client.execute("/metadata", method="get")
    assert statement["resourceType"] == "CapabilityStatement" and statement["fhirVersion"] == "4.0.1", statement
    resource = {"resourceType": "Location", "id": "by-fhirpy", "name": "By fhirpy"}
    entry = {"resource": resource, "request": {"method": "PUT", "url": "Location/by-fhirpy"}}
    answer = client.execute("/", method="post", data={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert answer["type"] == "transaction-response" and len(answer["entry"]) == 1, answer
    assert answer["entry"][0]["response"]["status"].startswith("20"), answer
    try:
        client.execute("/", method="post", data=resource)
        raise AssertionError("a resource is no bundle")
    except OperationOutcome as refused:
        assert refused.resource["issue"], refused


@check
def the_standards_schema_of_csdl():
    """`$metadata` is what OASIS's XML schema says."""
    import pathlib
    import urllib.request

    from lxml import etree

    schemas = pathlib.Path(__file__).parent.parent / "cases" / "csdl"
    schema = etree.XMLSchema(etree.parse(str(schemas / "edmx.xsd")))
    with urllib.request.urlopen(f"{API}$metadata") as answer:
        document = etree.parse(answer)
    assert schema.validate(document), schema.error_log
    document.find(".//{*}EntityType").set("Nmae", "x")
    assert not schema.validate(document), "a judge that takes everything"


print(f"{len(failed)} failed: {failed}" if failed else "all checks passed", flush=True)
sys.exit(1 if failed else 0)
