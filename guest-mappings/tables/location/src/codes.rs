//! Choice sets. Numbers from 935100000 are our own.

use turntable_mapping::{Code, code};

pub(crate) const BED_STATUS: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";

pub(crate) const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
pub(crate) const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

pub(crate) const STATUS: &[Code] = &[
    code(935000000, "active", "Active"),
    code(935000001, "suspended", "Suspended"),
    code(935000002, "inactive", "Inactive"),
];

pub(crate) const OPERATIONAL: &[Code] = &[
    code(935000000, "C", "Closed"),
    code(935000001, "H", "Housekeeping"),
    code(935000002, "I", "Isolated"),
    code(935000003, "K", "Contaminated"),
    code(935000004, "O", "Occupied"),
    code(935000005, "U", "Unoccupied"),
];

pub(crate) const MODE: &[Code] = &[code(935000000, "instance", "Instance"), code(935000001, "kind", "Kind")];

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

pub(crate) const SYSTEM: &[Code] = &[
    code(935000000, "phone", "Phone"),
    code(935000001, "fax", "Fax"),
    code(935000002, "email", "Email"),
    code(935000003, "pager", "Pager"),
    code(935000004, "url", "URL"),
    code(935000005, "sms", "SMS"),
    code(935000006, "other", "Other"),
];

pub(crate) const USE: &[Code] = &[
    code(935000000, "home", "Home"),
    code(935000001, "work", "Work"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "old", "Old"),
    code(935000004, "mobile", "Mobile"),
];

pub(crate) const IDENTIFIER_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "secondary", "Secondary"),
    // In R4, not in Microsoft's set.
    code(935100000, "old", "Old"),
];
