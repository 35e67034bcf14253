//! Choice sets. Numbers from 935100000 are our own.

use turntable_mapping::{Code, code};

pub(crate) const STATE: &[Code] = &[code(0, "0", "Active"), code(1, "1", "Inactive")];
pub(crate) const STATUS_REASON: &[Code] = &[code(1, "1", "Active"), code(2, "2", "Inactive")];

pub(crate) const ACCOUNT_TYPE: &[Code] =
    &[code(935000000, "practice", "Practice"), code(935000001, "organization", "Organization")];

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

pub(crate) const IDENTIFIER_USE: &[Code] = &[
    code(935000000, "usual", "Usual"),
    code(935000001, "official", "Official"),
    code(935000002, "temp", "Temporary"),
    code(935000003, "secondary", "Secondary"),
    // In R4, not in Microsoft's set.
    code(935100000, "old", "Old"),
];
