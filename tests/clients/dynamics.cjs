// dynamics-web-api, as npm has it, against a server of ours.
//
//   dynamics.cjs SERVER_PORT FOLDER_OF_NODE_MODULES
//
// Prints a line a check and ends with status 1 if one fails.

const assert = require("node:assert");
const { createRequire } = require("node:module");
const load = createRequire(`${process.argv[3]}/`);
const { DynamicsWebApi } = load("dynamics-web-api");

const PATIENT = "4c73b472-442b-4920-b899-aadc599f1d75";
const server = `http://localhost:${process.argv[2]}`;
const api = new DynamicsWebApi({ serverUrl: server, onTokenRefresh: async () => "nobody looks at it" });

const checks = {
    async "a row by its key"() {
        const row = await api.retrieve({ collection: "contacts", key: PATIENT, select: ["fullname"] });
        assert.equal(row.fullname, "Patient One");
    },
    async "formatted values, of lookups too"() {
        const found = await api.retrieveMultiple({
            collection: "msemr_observations",
            filter: `_msemr_subjecttypepatient_value eq ${PATIENT}`,
            includeAnnotations: "*",
        });
        assert.ok(found.value.length > 0);
        for (const row of found.value) assert.equal(row._msemr_subjecttypepatient_value_Formatted, "Patient One");
    },
    async "rows page by page"() {
        const all = await api.retrieveAll({ collection: "msemr_observations", select: ["msemr_description"], maxPageSize: 2 });
        const count = await api.count({ collection: "msemr_observations" });
        assert.equal(all.value.length, count);
    },
    async "a row that comes and goes"() {
        const data = { lastname: "Made", msemr_contacttype: 935000000 };
        const made = await api.create({ collection: "contacts", data, returnRepresentation: true });
        await api.update({ collection: "contacts", key: made.contactid, data: { lastname: "Changed" } });
        const row = await api.retrieve({ collection: "contacts", key: made.contactid, select: ["lastname"] });
        assert.equal(row.lastname, "Changed");
        await api.deleteRecord({ collection: "contacts", key: made.contactid });
        await assert.rejects(api.retrieve({ collection: "contacts", key: made.contactid }), { status: 404 });
    },
    async "a batch of reads"() {
        api.startBatch();
        api.retrieveMultiple({ collection: "contacts", top: 1 });
        api.retrieve({ collection: "contacts", key: PATIENT, select: ["fullname"] });
        const [rows, row] = await api.executeBatch();
        assert.equal(rows.value.length, 1);
        assert.equal(row.fullname, "Patient One");
    },
    async "a change set"() {
        const made = () => api.count({ collection: "contacts", filter: "lastname eq 'InChangeSet'" });
        const data = { lastname: "InChangeSet", msemr_contacttype: 935000000 };
        const run = (second) => {
            api.startBatch();
            api.create({ collection: "contacts", data, contentId: "1" });
            api.create({ collection: "contacts", data: { ...data, ...second }, contentId: "2" });
            return api.executeBatch();
        };
        const refused = await run({ birthdate: "soon" }).catch((error) => [error]);
        assert.ok(refused.some((answer) => answer.status === 400), JSON.stringify(refused));
        assert.equal(await made(), 0);
        assert.equal((await run({})).length, 2);
        assert.equal(await made(), 2);
    },
    async "definitions of tables, columns and relationships"() {
        const all = await api.retrieveEntities({ select: ["LogicalName"], filter: "LogicalName eq 'contact'" });
        assert.deepEqual(all.value.map((table) => table.LogicalName), ["contact"]);
        const key = all.value[0].MetadataId;
        const one = await api.retrieveEntity({ key, expand: [{ property: "Attributes", select: ["LogicalName"] }] });
        assert.ok(one.Attributes.some((column) => column.LogicalName === "fullname"));
        const choices = await api.retrieveAttributes({
            entityKey: "LogicalName='contact'",
            castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
            expand: [{ property: "OptionSet" }],
        });
        const gender = choices.value.find((column) => column.LogicalName === "gendercode");
        assert.ok(gender.OptionSet.Options.some((option) => option.Label.UserLocalizedLabel.Label === "Female"));
        const relationships = await api.retrieveRelationships({ castType: "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata" });
        assert.ok(relationships.value.some((one) => one.SchemaName === "contact_parentcustomerid"));
        assert.deepEqual((await api.retrieveGlobalOptionSets()).value, []);
    },
    async "who and what is there"() {
        assert.match((await api.callFunction("WhoAmI")).UserId, /^[0-9a-f-]{36}$/);
        assert.match((await api.callFunction("RetrieveVersion")).Version, /^9\./);
    },
    async "fetches, and all of their pages"() {
        const fetch = (inside, attributes = "") => ({
            collection: "msemr_observations",
            fetchXml: `<fetch ${attributes}><entity name="msemr_observation">${inside}</entity></fetch>`,
        });
        const link = `<attribute name="msemr_description"/>
            <link-entity name="contact" from="contactid" to="msemr_subjecttypepatient" alias="who"><attribute name="fullname"/></link-entity>`;
        const whole = await api.fetch(fetch(link));
        assert.ok(whole.value.length > 1);
        assert.ok(whole.value.every((row) => row["who.fullname"] || row.who?.fullname), JSON.stringify(whole.value[0]));
        const paged = await api.fetchAll({ ...fetch(link, 'count="1"'), includeAnnotations: "*" });
        const keys = (answer) => answer.value.map((row) => row.msemr_observationid).sort();
        assert.deepEqual(keys(paged), keys(whole));
        const count = '<attribute name="msemr_observationid" alias="n" aggregate="count"/>';
        assert.equal((await api.fetch(fetch(count, 'aggregate="true"'))).value[0].n, 3);
    },
    async "what is not there is refused by name"() {
        const fetchXml = "<fetch datasource='retained'><entity name='contact'/></fetch>";
        await assert.rejects(api.fetch({ collection: "contacts", fetchXml }), { status: 501 });
    },
};

(async () => {
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
})();
