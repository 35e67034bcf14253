// OData clients and a FHIR client for JavaScript, as npm has them, against a server of ours: o.js with odata-query,
// @odata/client, ts-odata-client, ts-odatajs, odata2ts with a client that it generates, Syncfusion's DataManager, Kendo's data-query,
// fhir-kit-client. Each does what it is made for. And what clients read first, by ajv, Spectral, odata-csdl and odata-openapi.
//
//   odata.cjs SERVER_PORT FOLDER_OF_NODE_MODULES
//
// Prints a line a check and ends with status 1 if one fails.

const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const { createRequire } = require("node:module");
const os = require("node:os");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const [port, modules] = process.argv.slice(2);
const load = createRequire(`${path.resolve(modules)}/`);
const root = `http://localhost:${port}/api/data/v9.2/`;
const PATIENT = "4c73b472-442b-4920-b899-aadc599f1d75";
const PERSON = { msemr_contacttype: 935000000 };

const json = async (address, options = {}) => {
    const answer = await fetch(root + address, options);
    assert.ok(answer.ok, `${answer.status} ${address}`);
    return answer.status === 204 ? null : answer.json();
};

const checks = {
    async "o.js and odata-query: lists, a row that comes and goes, a batch"() {
        const { o } = load("odata");
        const { default: buildQuery } = load("odata-query");
        const asked = buildQuery({
            filter: { fullname: { startswith: "Pat" }, gendercode: { ne: 7 } },
            select: ["fullname"], orderBy: ["fullname desc"], top: 5, count: true,
        });
        const found = await json(`contacts${asked}`);
        assert.deepEqual([found.value.map((row) => row.fullname), found["@odata.count"]], [["Patient One"], 1]);

        const client = () => o(root, { headers: { "Content-Type": "application/json", Prefer: "return=representation" } });
        const rows = await client().get("contacts").query({ $filter: "fullname eq 'Patient One'" });
        assert.equal(rows[0].contactid, PATIENT);
        const made = await client().post("contacts", { lastname: "O'Neil", ...PERSON }).query();
        await client().patch(`contacts(${made.contactid})`, { firstname: "Jo" }).query();
        const row = await client().get(`contacts(${made.contactid})`).query();
        assert.equal(row.fullname, "Jo O'Neil");
        const batch = client().get("contacts?$top=1").get(`contacts(${made.contactid})`).delete(`contacts(${made.contactid})`);
        const answers = await batch.batch();
        assert.equal(answers.length, 3, JSON.stringify(answers));
        const left = await client().get("contacts").query({ $filter: "lastname eq 'O''Neil'" });
        assert.equal(left.length, 0);
    },
    async "@odata/client: lists, a row that comes and goes"() {
        const { OData } = load("@odata/client");
        const client = OData.New4({ serviceEndpoint: root });
        const filter = client.newFilter().field("fullname").eq("Patient One");
        const options = client.newOptions().filter(filter).select(["fullname", "contactid"]).orderby("fullname").top(3);
        const people = client.getEntitySet("contacts");
        const found = await people.query(options);
        assert.deepEqual(found.map((row) => row.fullname), ["Patient One"]);
        const made = await people.create({ lastname: "ByClient", ...PERSON });
        await people.update(made.contactid, { lastname: "ByClient2" });
        assert.equal((await people.retrieve(made.contactid)).lastname, "ByClient2");
        await people.delete(made.contactid);
        assert.equal(await people.count(client.newFilter().field("lastname").eq("ByClient2")), 0);
    },
    async "ts-odata-client: lists by expressions"() {
        const { ODataQuery } = load("ts-odata-client");
        const query = ODataQuery.forV4 ? ODataQuery.forV4(`${root}contacts`) : new ODataQuery(`${root}contacts`);
        const found = await query.filter((p) => p.fullname.$startsWith("Patient O")).select("fullname").getManyAsync();
        assert.deepEqual(found.value.map((row) => row.fullname), ["Patient One"]);
    },
    async "ts-odatajs: metadata, lists, a row that comes and goes, a batch with a change set"() {
        const { oData } = load("ts-odatajs");
        const said = (error) => new Error(`${error.message} ${error.response?.statusCode} ${error.response?.body}`);
        const ask = (request, handler) => new Promise((done, failed) => {
            const success = (data, response) => done({ data, status: Number(response.statusCode) });
            oData.request(request, success, (error) => failed(said(error)), handler);
        });
        const metadata = await ask({ requestUri: `${root}$metadata`, method: "GET" }, oData.metadataHandler);
        const [schema] = metadata.data.dataServices.schema;
        assert.ok(schema.entityType.some((type) => type.name === "contact" && type.property.length > 50));
        const list = `${root}contacts?$filter=startswith(fullname,'Pat')&$select=fullname&$count=true`;
        const found = await ask({ requestUri: list, method: "GET" });
        assert.deepEqual([found.data.value.map((row) => row.fullname), found.data["@odata.count"]], [["Patient One"], 1]);

        const headers = { Prefer: "return=representation" };
        const data = { lastname: "Olingo", ...PERSON };
        const made = await ask({ requestUri: `${root}contacts`, method: "POST", headers, data });
        assert.equal(made.status, 201);
        const requestUri = `${root}contacts(${made.data.contactid})`;
        assert.equal((await ask({ requestUri, method: "PATCH", data: { firstname: "Jo" } })).status, 204);
        const changes = [
            { requestUri: `contacts(${made.data.contactid})`, method: "PATCH", headers: {}, data: { lastname: "Batch" } },
            { requestUri: "contacts", method: "POST", headers: {}, data: { lastname: "Second", ...PERSON } },
        ];
        const parts = [{ requestUri: "contacts?$top=1&$select=fullname", method: "GET" }, { __changeRequests: changes }];
        const batch = { requestUri: `${root}$batch`, method: "POST", data: { __batchRequests: parts } };
        const [one, set] = (await ask(batch, oData.batch.batchHandler)).data.__batchResponses;
        assert.equal(one.data.value.length, 1);
        assert.deepEqual(set.__changeResponses.map((part) => part.statusCode), ["204", "201"]);
        assert.equal((await ask({ requestUri, method: "GET" })).data.fullname, "Jo Batch");
        const second = set.__changeResponses[1].headers["OData-EntityId"];
        for (const address of [requestUri, second]) {
            assert.equal((await ask({ requestUri: address, method: "DELETE" })).status, 204);
        }
        await assert.rejects(ask({ requestUri: `${root}contacts?$filter=nope eq 1`, method: "GET" }), /400.*no column `nope`/);
    },
    async "Syncfusion: a grid asks page by page, and writes"() {
        const { DataManager, ODataV4Adaptor, Query } = load("@syncfusion/ej2-data");
        const manager = (table) => new DataManager({ url: `${root}${table}`, adaptor: new ODataV4Adaptor() });
        const query = new Query().where("fullname", "startswith", "pat", true).sortByDesc("fullname").page(1, 2).requiresCount();
        const page = await manager("contacts").executeQuery(query);
        assert.deepEqual([page.result.map((row) => row.fullname), page.count], [["Patient One"], 1]);
        const led = await manager("msemr_encounters").executeQuery(new Query().expand("msemr_subjectpatient").take(5));
        assert.ok(led.result.some((row) => row.msemr_subjectpatient));
    },
    async "Kendo: the state of a grid as a query"() {
        const { toODataString } = load("@progress/kendo-data-query");
        const filters = [
            { field: "fullname", operator: "contains", value: "one", ignoreCase: true },
            { field: "createdon", operator: "gte", value: new Date(0) },
            { logic: "or", filters: [{ field: "gendercode", operator: "isnull" }, { field: "gendercode", operator: "neq", value: 7 }] },
        ].filter(({ field }) => field !== "createdon");
        const state = { skip: 0, take: 5, sort: [{ field: "fullname", dir: "desc" }], filter: { logic: "and", filters } };
        const found = await json(`contacts?${toODataString(state)}&$count=true`);
        assert.deepEqual(found.value.map((row) => row.fullname), ["Practitioner One", "Patient One"]);
    },
    async "odata2ts: a client made of $metadata"() {
        // Of the tables that it is for: the generator takes very long over all of them.
        const kept = ["contact", "account", "msemr_encounter", "msemr_codeableconcept"];
        let metadata = await (await fetch(`${root}$metadata`)).text();
        for (const part of [
            /<EntityType Name="(\w+)"[^]*?<\/EntityType>/g,
            /<EntitySet Name="\w+" EntityType="[\w.]+\.(\w+)"(?:\/>|[^]*?<\/EntitySet>)/g,
            /<NavigationProperty Name="\w+" Type="(?:Collection\()?[\w.]+\.(\w+)\)?"[^>]*?(?:\/>|[^/]>[^]*?<\/NavigationProperty>)/g,
        ]) metadata = metadata.replace(part, (all, name) => (kept.includes(name) ? all : ""));
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), "turntable-odata2ts-"));
        try {
            const write = (name, text) => fs.writeFileSync(path.join(folder, name), text);
            write("metadata.xml", metadata);
            write("package.json", "{}");
            const compilerOptions = { target: "es2022", module: "nodenext", moduleResolution: "nodenext", strict: true, skipLibCheck: true };
            write("tsconfig.json", JSON.stringify({ compilerOptions }));
            const installed = path.join(path.resolve(modules), "node_modules");
            fs.symlinkSync(installed, path.join(folder, "node_modules"));
            const generate = path.join(installed, "@odata2ts", "odata2ts", "lib", "run-cli.js");
            execFileSync(process.execPath, [generate, "-s", "metadata.xml", "-o", "made", "-m", "all", "-e", "js_dts"], { cwd: folder });
            const { MicrosoftDynamicsCrmService } = createRequire(`${folder}/`)("./made/MicrosoftDynamicsCrmService.js");
            const { FetchClient } = await import(pathToFileURL(path.join(installed, "@odata2ts", "http-client-fetch", "lib", "index.js")));
            const service = new MicrosoftDynamicsCrmService(new FetchClient(), root.slice(0, -1));
            const found = await service.contacts().query((builder, q) =>
                builder.select("fullname").filter(q.fullname.startsWith("Patient O")).orderBy(q.fullname.desc()).top(3).count());
            assert.deepEqual([found.data.value.map((row) => row.fullname), found.data["@odata.count"]], [["Patient One"], 1]);
            const led = await service.msemr_encounters().query((builder) => builder.expand("msemr_subjectpatient").top(5));
            assert.ok(led.data.value.some((row) => row.msemr_subjectpatient));
            const made = await service.contacts().create({ lastname: "Generated", ...PERSON });
            const row = service.contacts(made.data.contactid);
            await row.patch({ firstname: "Typed" });
            assert.equal((await row.query()).data.fullname, "Typed Generated");
            await row.delete();
            await assert.rejects(row.query());
        } finally {
            fs.rmSync(folder, { recursive: true });
        }
    },
    async "fhir-kit-client: bundles"() {
        const installed = path.join(path.resolve(modules), "node_modules", "fhir-kit-client", "dist", "index.js");
        const { Client } = await import(pathToFileURL(installed));
        const client = new Client({ baseUrl: `http://localhost:${port}/fhir` });
        assert.equal((await client.capabilityStatement()).fhirVersion, "4.0.1");
        const resource = { resourceType: "Location", id: "by-fhir-kit", name: "By fhir-kit-client" };
        const entry = [{ resource, request: { method: "PUT", url: "Location/by-fhir-kit" } }];
        for (const type of ["transaction", "batch"]) {
            const answer = await client[type]({ body: { resourceType: "Bundle", type, entry } });
            assert.equal(answer.type, `${type}-response`);
            assert.match(answer.entry[0].response.status, /^20/);
        }
        await assert.rejects(client.transaction({ body: resource }), (error) =>
            (error.response?.data ?? error.response)?.resourceType === "OperationOutcome");
    },
};

// Not clients, but judges of what clients read first.
const judges = {
    async "the standard's schema of CSDL JSON: $metadata"() {
        const schema = JSON.parse(fs.readFileSync(path.join(__dirname, "..", "cases", "csdl", "csdl.schema.json"), "utf8"));
        const { default: Ajv } = load("ajv");
        const validate = new Ajv({ strict: false, logger: false, validateFormats: false }).compile(schema);
        assert.ok(validate(await json("$metadata?$format=json")), JSON.stringify(validate.errors));
        assert.ok(!validate({ $Version: 4 }), "a judge that takes everything");
    },
    async "odata-csdl and odata-openapi: $metadata as OpenAPI"() {
        const { xml2json } = load("odata-csdl");
        const { csdl2openapi } = load("odata-openapi");
        const read = async (accept) => (await fetch(`${root}$metadata`, { headers: { accept } })).text();
        const messages = [];
        const converted = xml2json(Buffer.from(await read("application/xml")), { messages, strict: true, validate: true });
        assert.deepEqual(messages, []);
        const own = JSON.parse(await read("application/json"));
        for (const of of [own, converted]) {
            const found = [];
            const api = csdl2openapi(of, { messages: found, scheme: "http", host: "localhost", basePath: "/api/data/v9.2" });
            assert.deepEqual(found, []);
            assert.ok(api.paths["/contacts"].get && api.paths["/contacts"].post, "what can be done with a table is said");
        }
        const types = (of) => Object.keys(of["Microsoft.Dynamics.CRM"]).sort();
        assert.deepEqual(types(own), types(converted));
    },
    async "Spectral: $openapi"() {
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), "turntable-spectral-"));
        try {
            const [rules, file] = [path.join(folder, "rules.yaml"), path.join(folder, "openapi.json")];
            fs.writeFileSync(rules, 'extends: ["spectral:oas"]\n');
            fs.writeFileSync(file, JSON.stringify(await json("$openapi?tables=contacts,accounts,msemr_encounters,msemr_observations")));
            const spectral = path.join(path.resolve(modules), "node_modules", ".bin", "spectral");
            execFileSync(spectral, ["lint", file, "-r", rules, "--fail-severity=error"], { encoding: "utf8" });
        } catch (error) {
            throw new Error(error.stdout ?? error);
        } finally {
            fs.rmSync(folder, { recursive: true });
        }
    },
};

(async () => {
    let failed = 0;
    for (const [name, check] of Object.entries({ ...checks, ...judges })) {
        try {
            await check();
            console.log(`ok ${name}`);
        } catch (error) {
            failed += 1;
            console.log(`FAILED ${name}\n${error.stack ?? error} ${JSON.stringify(error)}`.slice(0, 1500));
        }
    }
    console.log(failed ? `${failed} failed` : "all checks passed");
    process.exit(failed ? 1 : 0);
})();
