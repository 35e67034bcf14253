"""Microsoft's Dataverse client for Python (PowerPlatform-Dataverse-Client), as it is installed, against a server of ours.

    dataverse_sdk.py HTTPS_PORT SERVER_PORT

Prints a line a check and ends with status 1 if one fails.
"""

import os
import sys
import tempfile
import traceback

import https

folder = tempfile.mkdtemp()
port, upstream = int(sys.argv[1]), int(sys.argv[2])
os.environ["REQUESTS_CA_BUNDLE"] = https.serve(port, ("127.0.0.1", upstream), folder)
os.environ["NO_PROXY"] = "*"

from azure.core.credentials import AccessToken, TokenCredential  # noqa: E402
from PowerPlatform.Dataverse.client import DataverseClient  # noqa: E402
from PowerPlatform.Dataverse.core.errors import HttpError, MetadataError  # noqa: E402
from PowerPlatform.Dataverse.models.filters import col  # noqa: E402


class Anybody(TokenCredential):
    def get_token(self, *scopes, **options):
        return AccessToken("nobody looks at it", 1 << 40)


client = DataverseClient(f"https://localhost:{port}", Anybody())
failed = []


def check(test):
    try:
        test()
        print(f"ok {test.__name__}", flush=True)
    except Exception:
        failed.append(test.__name__)
        print(f"FAILED {test.__name__}\n{traceback.format_exc()}", flush=True)


def refused(call, status=501):
    try:
        call()
    except HttpError as error:
        assert error.status_code == status, error
        return
    raise AssertionError("it was not refused")


PATIENT = "4c73b472-442b-4920-b899-aadc599f1d75"
PERSON = {"msemr_contacttype": 935000000}


@check
def a_row_by_its_key():
    found = client.records.retrieve("contact", PATIENT, select=["fullname", "gendercode"])
    assert found["fullname"] == "Patient One", found
    assert client.records.retrieve("contact", "00000000-0000-4000-8000-000000000000") is None


@check
def a_row_with_formatted_values():
    found = client.records.retrieve("contact", PATIENT, select=["gendercode"], include_annotations="*")
    assert found["gendercode@OData.Community.Display.V1.FormattedValue"], found


@check
def rows_by_a_filter():
    found = client.records.list("contact", filter=f"contactid eq {PATIENT}", select=["fullname"])
    assert [row["fullname"] for row in found] == ["Patient One"], found
    assert len(list(client.records.list("contact", top=2))) == 2


@check
def rows_page_by_page():
    pages = list(client.records.list_pages("msemr_observation", select=["msemr_description"], page_size=2))
    assert len(pages) > 1 and all(len(page) <= 2 for page in pages), pages


@check
def rows_by_the_builder():
    query = client.query.builder("contact").select("fullname").where(col("lastname").contains("One")).order_by("fullname")
    rows = list(query.execute())
    assert any(row["fullname"] == "Patient One" for row in rows), rows
    query = client.query.builder("contact").select("fullname").where(col("contactid").in_([PATIENT])).top(5)
    assert len(list(query.execute())) == 1


@check
def a_row_that_comes_and_goes():
    key = client.records.create("contact", {"lastname": "Made", **PERSON})
    client.records.update("contact", key, {"lastname": "Changed"})
    assert client.records.retrieve("contact", key, select=["lastname"])["lastname"] == "Changed"
    client.records.delete("contact", key)
    assert client.records.retrieve("contact", key) is None


@check
def a_choice_by_its_label():
    key = client.records.create("contact", {"lastname": "Labelled", "gendercode": "Female", **PERSON})
    assert client.records.retrieve("contact", key, select=["gendercode"])["gendercode"] == 2
    client.records.delete("contact", key)


@check
def tables():
    table = client.tables.get("contact")
    assert table["entity_set_name"] == "contacts" and table["primary_name_attribute"] == "fullname", table
    assert client.tables.get("no_such_table") is None
    names = {found["LogicalName"] for found in client.tables.list(select=["LogicalName"])}
    assert {"contact", "account", "msemr_encounter"} <= names, names
    some = client.tables.list(filter="SchemaName eq 'Contact' or startswith(LogicalName,'msemr_enc')")
    assert {found["LogicalName"] for found in some} >= {"contact", "msemr_encounter"}, some
    assert client.tables.list(filter="IsPrivate eq true") == []


@check
def columns():
    found = client.tables.list_columns("contact", select=["LogicalName", "AttributeType"])
    kinds = {column["LogicalName"]: column["AttributeType"] for column in found}
    wanted = {"contactid": "Uniqueidentifier", "gendercode": "Picklist", "parentcustomerid": "Lookup", "birthdate": "DateTime"}
    assert wanted.items() <= kinds.items(), kinds
    texts = client.tables.list_columns("contact", filter="AttributeType eq 'String'")
    assert texts and all(column["AttributeType"] == "String" for column in texts)
    assert client.tables.get_column("contact", "fullname")["IsPrimaryName"]
    assert client.tables.get_column("contact", "nothing") is None


@check
def columns_with_what_only_their_type_has():
    found = client.tables.list_columns("contact", typed=True)
    assert any(column.get("MaxLength") for column in found), found
    assert client.tables.get_column("contact", "lastname", typed=True)["AttributeType"] == "String"
    try:
        client.tables.list_columns("no_such_table", typed=True)
        raise AssertionError("there is no such table")
    except MetadataError:
        pass


@check
def relationships():
    found = client.tables.list_table_relationships("contact")
    names = {one["SchemaName"] for one in found}
    assert "contact_parentcustomerid" in names, names
    everything = client.tables.list_relationships(
        filter="RelationshipType eq Microsoft.Dynamics.CRM.RelationshipType'OneToManyRelationship'"
    )
    assert names <= {one["SchemaName"] for one in everything}
    one = client.tables.get_relationship("contact_parentcustomerid")
    assert one.lookup_schema_name == "parentcustomerid" or one.referenced_entity == "account", one
    assert client.tables.get_relationship("nothing") is None


@check
def helpers_that_read_the_tables():
    assert "fullname" in client.query.odata_select("contact", include_system=True)
    bound = client.query.odata_bind("contact", "account", PATIENT)
    assert any(name.endswith("@odata.bind") for name in bound), bound
    assert client.tables.get_alternate_keys("msemr_observation") is not None


@check
def many_rows_at_once():
    keys = client.records.create("contact", [{"lastname": f"Many {n}", **PERSON} for n in range(3)])
    assert len(keys) == 3, keys
    client.records.update("contact", keys, {"firstname": "All"})
    found = client.records.list("contact", filter="startswith(lastname,'Many')", select=["firstname"])
    assert [row["firstname"] for row in found] == ["All"] * 3, found
    refused(lambda: client.records.create("contact", [{"lastname": "Many", **PERSON}, {"birthdate": "soon"}]), 400)
    assert len(list(client.records.list("contact", filter="startswith(lastname,'Many')"))) == 3
    for key in keys:
        client.records.delete("contact", key)


@check
def a_row_by_its_fhir_id():
    keys = client.tables.get_alternate_keys("account")
    assert ["msemr_azurefhirid"] in [key.key_attributes for key in keys], keys
    by_id = {"msemr_azurefhirid": "by-its-id"}
    for name in ("Made", "Changed"):
        client.records.upsert("account", [{"alternate_key": by_id, "record": {"name": name}}])
    found = client.records.list("account", filter="msemr_azurefhirid eq 'by-its-id'", select=["name"])
    assert [row["name"] for row in found] == ["Changed"], found
    client.records.delete("account", [row["accountid"] for row in found][0])


@check
def rows_by_their_identifiers():
    by = lambda number: {"tt_identifier": f"SDK-{number}", "tt_identifiersystem": "http://clinic.example/mrn"}
    keys = client.tables.get_alternate_keys("contact")
    assert sorted(by(1)) in [key.key_attributes for key in keys], keys
    item = lambda number, name: {"alternate_key": by(number), "record": {"lastname": name, **PERSON}}
    client.records.upsert("contact", [item(1, "Made")])
    client.records.upsert("contact", [item(1, "Changed"), item(2, "Second")])
    found = client.records.list("contact", filter="startswith(tt_identifier,'SDK-')", select=["lastname"], orderby=["lastname"])
    assert [row["lastname"] for row in found] == ["Changed", "Second"], found
    for row in found:
        client.records.delete("contact", row["contactid"])


@check
def batches():
    batch = client.batch.new()
    batch.records.retrieve("contact", PATIENT, select=["fullname"])
    batch.records.list("contact", top=1)
    batch.tables.get("contact")
    answers = batch.execute().responses
    assert [answer.status_code for answer in answers] == [200, 200, 200], answers
    assert answers[0].data["fullname"] == "Patient One", answers


def change_set(second):
    batch = client.batch.new()
    with batch.changeset() as changes:
        made = changes.records.create("contact", {"lastname": "Batched", **PERSON})
        changes.records.update("contact", made, second)
    return batch.execute()


def batched():
    return list(client.records.list("contact", filter="lastname eq 'Batched'", select=["firstname"]))


@check
def change_sets_are_whole():
    assert not change_set({"birthdate": "soon"}).succeeded
    assert batched() == []
    answer = change_set({"firstname": "x"})
    assert len(answer.succeeded) == 2 and len(answer.entity_ids) >= 1, answer
    assert [row["firstname"] for row in batched()] == ["x"]
    client.records.delete("contact", answer.entity_ids[0])


@check
def fetches_and_all_of_their_pages():
    def fetch(attributes):
        return f"""<fetch {attributes}><entity name='msemr_observation'><attribute name='msemr_description'/>
            <link-entity name='contact' from='contactid' to='msemr_subjecttypepatient' alias='who'>
            <attribute name='fullname'/></link-entity></entity></fetch>"""

    whole = list(client.query.fetchxml(fetch("")).execute())
    assert len(whole) > 1 and all(row["who.fullname"] for row in whole), whole
    pages = list(client.query.fetchxml(fetch("count='1'")).execute_pages())
    assert [len(page) for page in pages] == [1] * len(whole), pages
    keys = sorted(row["msemr_observationid"] for page in pages for row in page)
    assert keys == sorted(row["msemr_observationid"] for row in whole)


@check
def what_is_not_there_is_refused_by_name():
    refused(lambda: list(client.query.sql("SELECT TOP 1 fullname FROM contact")))
    refused(lambda: list(client.query.fetchxml("<fetch datasource='retained'><entity name='contact'/></fetch>").execute()))


print(f"{len(failed)} failed: {failed}" if failed else "all checks passed", flush=True)
sys.exit(1 if failed else 0)
