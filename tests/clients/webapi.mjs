// dataverse-webapi, as npm has it, against a server of ours.
//
//   webapi.mjs SERVER_PORT FOLDER_OF_NODE_MODULES
//
// Prints a line a check and ends with status 1 if one fails.

import assert from "node:assert";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [port, modules] = process.argv.slice(2);

// It is made for pages, and asks by what node does not have. (What it has for node asks port 443 alone.)
globalThis.XMLHttpRequest = class {
    #headers = {};

    open(method, url) {
        Object.assign(this, { method, url });
    }

    setRequestHeader(name, value) {
        this.#headers[name] = value;
    }

    getAllResponseHeaders() {
        return [...this.answer.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
    }

    async send(body) {
        this.answer = await fetch(this.url, { method: this.method, headers: this.#headers, body });
        [this.status, this.response, this.readyState] = [this.answer.status, await this.answer.text(), 4];
        this.onreadystatechange();
    }
};

const api = await import(pathToFileURL(path.resolve(modules, "node_modules/dataverse-webapi/lib/index.js")));

const PATIENT = "4c73b472-442b-4920-b899-aadc599f1d75";
const PERSON = { msemr_contacttype: 935000000 };
const config = () => new api.WebApiConfig("9.2", undefined, `http://localhost:${port}`);
const found = async (query) => (await api.retrieveMultiple(config(), "contacts", query)).value;

const checks = {
    async "a row by its key, and by another"() {
        const row = await api.retrieve(config(), "contacts", `{${PATIENT}}`, "$select=fullname,gendercode");
        assert.equal(row.fullname, "Patient One");
        assert.ok(row["gendercode@OData.Community.Display.V1.FormattedValue"]);
        const same = await api.retrieveAlternateKey(config(), "contacts", `contactid=${PATIENT}`, "$select=fullname");
        assert.equal(same.fullname, "Patient One");
        await assert.rejects(api.retrieve(config(), "contacts", "00000000-0000-0000-0000-000000000001"), { code: /./ });
    },
    async "rows page by page"() {
        const select = "?$select=msemr_description&$orderby=msemr_description";
        const all = await api.retrieveMultiple(config(), "msemr_observations", select);
        const keys = [];
        let page = await api.retrieveMultiple(config(), "msemr_observations", select, { maxPageSize: 2 });
        while (page) {
            assert.ok(page.value.length <= 2);
            keys.push(...page.value.map((row) => row.msemr_observationid));
            const link = page["@odata.nextLink"];
            page = link && (await api.retrieveMultipleNextPage(config(), link, { maxPageSize: 2 }));
        }
        assert.deepEqual(keys, all.value.map((row) => row.msemr_observationid));
        assert.ok(keys.length > 2);
    },
    async "a row that comes, changes and goes"() {
        const key = await api.create(config(), "contacts", { lastname: "Made", ...PERSON });
        assert.match(key, /^[0-9a-f-]{36}$/);
        await api.update(config(), "contacts", key, { lastname: "Changed" });
        const changed = await api.updateWithReturnData(config(), "contacts", key, { firstname: "Jo" }, "$select=fullname");
        assert.equal(changed.fullname, "Jo Changed");
        await api.updateProperty(config(), "contacts", key, "lastname", "Again");
        await api.deleteProperty(config(), "contacts", key, "firstname");
        assert.deepEqual((await found("$select=fullname&$filter=lastname eq 'Again'")).map((row) => row.fullname), ["Again"]);
        await api.deleteRecord(config(), "contacts", key);
        assert.deepEqual(await found("$filter=lastname eq 'Again'"), []);
        const whole = await api.createWithReturnData(config(), "contacts", { lastname: "Whole", ...PERSON }, "$select=fullname");
        assert.equal(whole.fullname, "Whole");
        await api.deleteRecord(config(), "contacts", whole.contactid);
    },
    async "two rows that are tied and untied"() {
        const account = await api.create(config(), "accounts", { name: "Practice" });
        const key = await api.create(config(), "contacts", { lastname: "Tied", ...PERSON });
        const practice = async () =>
            (await api.retrieve(config(), "contacts", key, "$select=_msemr_managingorganization_value"))._msemr_managingorganization_value;
        await api.update(config(), "contacts", key, { "msemr_managingorganization@odata.bind": `/accounts(${account})` });
        assert.equal(await practice(), account);
        await api.disassociate(config(), "contacts", key, "msemr_managingorganization");
        assert.equal(await practice(), null);
        await api.deleteRecord(config(), "contacts", key);
        await api.deleteRecord(config(), "accounts", account);
    },
    async "a change set and reads in one batch"() {
        const make = (lastname) => ({ method: "POST", queryString: "contacts", entity: { lastname, ...PERSON } });
        const answers = await api.batchOperation(config(), "b1", "c1", [make("Batch"), make("Batch")], ["contacts?$filter=lastname eq 'Batch'"]);
        assert.deepEqual(answers.map((answer) => answer.httpStatus), [201, 201, 200]);
        assert.match(answers[0].entityId, /^[0-9a-f-]{36}$/);
        assert.equal(answers[2].data.value.length, 2);
        for (const row of await found("$filter=lastname eq 'Batch'")) await api.deleteRecord(config(), "contacts", row.contactid);
    },
    async "functions"() {
        assert.match((await api.unboundFunction(config(), "WhoAmI")).UserId, /^[0-9a-f-]{36}$/);
        assert.match((await api.unboundFunction(config(), "RetrieveVersion")).Version, /^9\./);
    },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
    try {
        await check();
        console.log(`ok ${name}`);
    } catch (error) {
        failed += 1;
        console.log(`FAILED ${name}\n${error.stack || JSON.stringify(error)}`);
    }
}
process.exit(failed ? 1 : 0);
