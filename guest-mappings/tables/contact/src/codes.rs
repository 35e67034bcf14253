//! Choice sets and code systems. Numbers from 935100000 are our own.

use turntable_mapping::{Code, code};

pub(crate) const MARITAL_STATUS: &str = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus";
pub(crate) const LINK_TYPES: &str = "http://hl7.org/fhir/link-type";
pub(crate) const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
pub(crate) const IDENTIFIER_TYPES: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

pub(crate) const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
pub(crate) const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

pub(crate) const CONTACT_TYPE: &[Code] = &[
    code(935000000, "Patient", "Patient"),
    code(935000001, "Practitioner", "Practitioner"),
    code(935000002, "RelatedPerson", "Related person"),
];

pub(crate) const GENDER: &[Code] = &[
    code(1, "male", "Male"),
    code(2, "female", "Female"),
    code(935000000, "other", "Other"),
    code(935000001, "unknown", "Unknown"),
];

// Microsoft has S twice, as Single and as Never married (935000007); a code is one option only.
pub(crate) const MARITAL: &[Code] = &[
    code(1, "S", "Single"),
    code(2, "M", "Married"),
    code(3, "D", "Divorced"),
    code(4, "W", "Widowed"),
    code(935000000, "A", "Annulled"),
    code(935000001, "I", "Interlocutory"),
    code(935000002, "L", "Legally separated"),
    code(935000003, "T", "Domestic partner"),
    code(935000004, "U", "Unmarried"),
    code(935000005, "UNK", "Unknown").system(NULL_FLAVOR),
    code(935000006, "P", "Polygamous"),
    // In R4's code system, not in Microsoft's set.
    code(935100000, "C", "Common law"),
];

pub(crate) const NAME_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "nickname", "Nickname"),
    code(935000004, "maiden", "Maiden"),
    code(935000005, "old", "Old"),
    code(935000006, "anonymous", "Anonymous"),
];

pub(crate) const SYSTEM: &[Code] = &[
    code(935000000, "phone", "Phone"),
    code(935000001, "email", "Email"),
    code(935000002, "fax", "Fax"),
    code(935000003, "pager", "Pager"),
    code(935000004, "sms", "SMS"),
    // Microsoft's sixth is Skype, which FHIR counts among the others.
    code(935000005, "other", "Other (Skype)"),
    // In R4, not in Microsoft's set.
    code(935100000, "url", "URL"),
];

pub(crate) const USE: &[Code] = &[
    code(935000000, "home", "Home"),
    code(935000001, "work", "Work"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "mobile", "Mobile"),
    code(935000004, "old", "Old"),
];

pub(crate) const IDENTIFIER_TYPE: &[Code] = &[
    code(935000000, "DL", "Driver's license number"),
    code(935000001, "PPN", "Passport number"),
    code(935000002, "BRN", "Breed registry number"),
    code(935000003, "MR", "Medical record number"),
    code(935000004, "MCN", "Microchip number"),
    code(935000005, "EN", "Employer number"),
    code(935000006, "TAX", "Tax ID number"),
    code(935000007, "NIIP", "National insurance payor identifier"),
    code(935000008, "PRN", "Provider number"),
    code(935000009, "MD", "Medical license number"),
    code(935000010, "DR", "Donor registration number"),
    code(935000011, "ACSN", "Accession ID"),
    // In R4's value set or common in the field, not in Microsoft's set.
    code(935100000, "SS", "Social security number"),
    code(935100001, "NPI", "National provider identifier"),
    code(935100002, "PI", "Patient internal identifier"),
    code(935100003, "PT", "Patient external identifier"),
    code(935100004, "NI", "National unique individual identifier"),
    code(935100005, "RI", "Resource identifier"),
    code(935100006, "SB", "Social beneficiary identifier"),
    code(935100007, "UDI", "Universal device identifier"),
    code(935100008, "SNO", "Serial number"),
    code(935100009, "PLAC", "Placer identifier"),
    code(935100010, "FILL", "Filler identifier"),
    code(935100011, "JHN", "Jurisdictional health number"),
];

pub(crate) const IDENTIFIER_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "secondary", "Secondary"),
    // In R4, not in Microsoft's set.
    code(935100000, "old", "Old"),
];

pub(crate) const ADDRESS_TYPE: &[Code] =
    &[code(935000000, "postal", "Postal"), code(935000001, "physical", "Physical"), code(935000002, "both", "Both")];

pub(crate) const ADDRESS_USE: &[Code] = &[
    code(935000000, "home", "Home"),
    code(935000001, "work", "Work"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "old", "Old"),
    // In R4, not in Microsoft's set.
    code(935100000, "billing", "Billing"),
];

pub(crate) const GENERAL_PRACTITIONER: &[Code] = &[
    // A set that Microsoft's model lacks, in a range of numbers of our own.
    code(935100000, "Practitioner", "Practitioner"),
    code(935100001, "Organization", "Organization"),
    code(935100002, "PractitionerRole", "Practitioner role"),
];
