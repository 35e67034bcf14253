//! Columns of `contact` as changes of a Patient.

use turntable::model::value;

use super::{
    Coding, Concept, Period, Reference, at, boolean, code, constant, current, element, first, moment, put, refer, text,
    that, whole,
};
use crate::Result;
use crate::baseline::patient::{
    LINK_TYPES, MARITAL_STATUS, NULL_FLAVOR, against_address, against_name, against_telecom,
};
use crate::baseline::types::Text;

const GENDERS: [&str; 4] = ["male", "female", "other", "unknown"];
const NAME_USES: [&str; 7] = ["usual", "official", "temp", "nickname", "maiden", "old", "anonymous"];
const TELECOM_SYSTEMS: [&str; 7] = ["phone", "email", "fax", "pager", "sms", "other", "url"];
const TELECOM_USES: [&str; 5] = ["home", "work", "temp", "mobile", "old"];
const ADDRESS_USES: [&str; 5] = ["home", "work", "temp", "old", "billing"];
const ADDRESS_TYPES: [&str; 3] = ["postal", "physical", "both"];

element!(Patient<'a> {
    resource_type: Text<'a> = "resourceType",
    identifier: Vec<Identifier<'a>> = "identifier",
    active: bool = "active",
    name: Vec<HumanName<'a>> = "name",
    telecom: Vec<ContactPoint<'a>> = "telecom",
    gender: Text<'a> = "gender",
    birth_date: Text<'a> = "birthDate",
    deceased_boolean: bool = "deceasedBoolean",
    deceased_date_time: Text<'a> = "deceasedDateTime",
    address: Vec<Address<'a>> = "address",
    marital_status: Concept<'a> = "maritalStatus",
    multiple_birth_boolean: bool = "multipleBirthBoolean",
    multiple_birth_integer: i32 = "multipleBirthInteger",
    photo: Vec<Photo<'a>> = "photo",
    contact: Vec<Contact<'a>> = "contact",
    communication: Vec<Communication<'a>> = "communication",
    general_practitioner: Vec<Reference<'a>> = "generalPractitioner",
    managing_organization: Reference<'a> = "managingOrganization",
    link: Vec<Link<'a>> = "link",
});

element!(Identifier<'a> { kind: Concept<'a> = "type", system: Text<'a> = "system", value: Text<'a> = "value" });

element!(HumanName<'a> {
    usage: Text<'a> = "use",
    text: Text<'a> = "text",
    family: Text<'a> = "family",
    given: Vec<Option<Text<'a>>> = "given",
    prefix: Vec<Option<Text<'a>>> = "prefix",
    suffix: Vec<Option<Text<'a>>> = "suffix",
    period: Period<'a> = "period",
});

element!(ContactPoint<'a> {
    system: Text<'a> = "system",
    value: Text<'a> = "value",
    usage: Text<'a> = "use",
    rank: i32 = "rank",
    period: Period<'a> = "period",
});

element!(Address<'a> {
    usage: Text<'a> = "use",
    kind: Text<'a> = "type",
    text: Text<'a> = "text",
    line: Vec<Option<Text<'a>>> = "line",
    city: Text<'a> = "city",
    district: Text<'a> = "district",
    state: Text<'a> = "state",
    postal_code: Text<'a> = "postalCode",
    country: Text<'a> = "country",
    period: Period<'a> = "period",
});

element!(Photo<'a> { data: Text<'a> = "data" });

element!(Contact<'a> {
    relationship: Vec<Concept<'a>> = "relationship",
    name: HumanName<'a> = "name",
    telecom: Vec<ContactPoint<'a>> = "telecom",
    period: Period<'a> = "period",
});

element!(Communication<'a> { language: Concept<'a> = "language", preferred: bool = "preferred" });

element!(Link<'a> { other: Reference<'a> = "other", kind: Text<'a> = "type" });

impl<'a> Patient<'a> {
    /// The name that holds now.
    fn name(&mut self) -> &mut HumanName<'a> {
        let against = |name: &HumanName<'_>| Some(against_name(name.usage.as_deref(), has_ended(&name.period)));
        current(&mut self.name, against, HumanName::default)
    }

    /// The first column's is the address that holds now.
    fn address(&mut self, number: usize) -> Result<&mut Address<'a>> {
        let against = |one: &Address<'_>| against_address(one.usage.as_deref(), has_ended(&one.period));
        if number == 0 {
            Ok(current(&mut self.address, against, Address::default))
        } else {
            at(&mut self.address, number)
        }
    }

    /// The name of that use.
    fn used(&mut self, usage: &'static str) -> &mut HumanName<'a> {
        let is_it = |name: &HumanName<'_>| name.usage.as_deref() == Some(usage);
        that(&mut self.name, is_it, || HumanName { usage: Some(Text(usage.into())), ..HumanName::default() })
    }

    fn record_number(&mut self) -> &mut Identifier<'a> {
        let is_it = |identifier: &Identifier<'_>| {
            let codings = identifier.kind.iter().flat_map(|kind| &kind.coding).flatten();
            codings.filter_map(|coding| coding.code.as_deref()).any(|code| code == "MR")
        };
        that(&mut self.identifier, is_it, || {
            let coding = Coding { code: Some(Text("MR".into())), ..Coding::default() };
            let kind = Concept { coding: Some(vec![coding]), ..Concept::default() };
            Identifier { kind: Some(kind), ..Identifier::default() }
        })
    }

    fn marital(&mut self) -> &mut Concept<'a> {
        self.marital_status.get_or_insert_default()
    }
}

impl<'a> Concept<'a> {
    /// The code decides about the system.
    fn set_marital_status(&mut self, value: &'a str) -> Result<()> {
        let system = if value == "UNK" { NULL_FLAVOR } else { MARITAL_STATUS };
        let coding = self.coding();
        coding.display = None;
        coding.others.retain(|(name, _)| !matches!(&**name, "version" | "userSelected"));
        put(&mut coding.system, text(system))?;
        put(&mut coding.code, text(value))
    }
}

impl<'a> Contact<'a> {
    fn name(&mut self) -> &mut HumanName<'a> {
        self.name.get_or_insert_default()
    }

    fn relationship(&mut self) -> &mut Concept<'a> {
        first(&mut self.relationship)
    }

    fn period(&mut self) -> &mut Period<'a> {
        self.period.get_or_insert_default()
    }
}

/// The number that holds now of a system and, if one is given, a use.
fn number<'t, 'a>(
    telecom: &'t mut Option<Vec<ContactPoint<'a>>>,
    system: &'static str,
    usage: Option<&'static str>,
) -> &'t mut Option<Text<'a>> {
    let against = |telecom: &ContactPoint<'_>| {
        let own = telecom.usage.as_deref();
        let is_it = telecom.system.as_deref() == Some(system) && (usage.is_none() || own == usage);
        is_it.then(|| against_telecom(own, has_ended(&telecom.period), telecom.rank))?
    };
    let new = || {
        let usage = usage.map(|usage| Text(usage.into()));
        ContactPoint { system: Some(Text(system.into())), usage, ..ContactPoint::default() }
    };
    &mut current(telecom, against, new).value
}

fn has_ended(period: &Option<Period<'_>>) -> bool {
    period.as_ref().is_some_and(|period| period.end.is_some())
}

/// Gives a column's element its value.
pub type Setter = for<'a> fn(&mut Patient<'a>, &'a str) -> Result<()>;

#[rustfmt::skip]
pub fn setter(column: &str) -> Option<Setter> {
    let setter: Setter = match column {
        "msemr_contacttype" => |_, v| constant(v, "Patient"),
        "firstname" => |p, v| put(at(&mut p.name().given, 0)?, text(v)),
        "middlename" => |p, v| put(at(&mut p.name().given, 1)?, text(v)),
        "lastname" => |p, v| put(&mut p.name().family, text(v)),
        "salutation" => |p, v| put(at(&mut p.name().prefix, 0)?, text(v)),
        "suffix" => |p, v| put(at(&mut p.name().suffix, 0)?, text(v)),
        "gendercode" => |p, v| put(&mut p.gender, code(v, &GENDERS)),
        "birthdate" => |p, v| put(&mut p.birth_date, date(v)),
        "tt_birthdate" => |p, v| put(&mut p.birth_date, moment(v)),
        "tt_active" => |p, v| put(&mut p.active, boolean(v)),
        "tt_identifier" => |p, v| put(&mut first(&mut p.identifier).value, text(v)),
        "tt_identifiersystem" => |p, v| put(&mut first(&mut p.identifier).system, text(v)),
        "familystatuscode" => |p, v| p.marital().set_marital_status(v),
        "tt_maritalstatustext" => |p, v| put(&mut p.marital().text, text(v)),
        "msemr_deceaseddate" => |p, v| { p.deceased_boolean = None; put(&mut p.deceased_date_time, moment(v)) },
        "tt_deceasedboolean" => |p, v| { p.deceased_date_time = None; put(&mut p.deceased_boolean, boolean(v)) },
        "msemr_multiplebirth" => |p, v| { p.multiple_birth_boolean = None; put(&mut p.multiple_birth_integer, whole(v)) },
        "tt_multiplebirthboolean" => |p, v| { p.multiple_birth_integer = None; put(&mut p.multiple_birth_boolean, boolean(v)) },
        "msemr_medicalrecordnumber" => |p, v| put(&mut p.record_number().value, text(v)),
        "entityimage" => |p, v| put(&mut first(&mut p.photo).data, text(v)),

        "telephone1" => |p, v| put(number(&mut p.telecom, "phone", Some("work")), text(v)),
        "telephone2" => |p, v| put(number(&mut p.telecom, "phone", Some("home")), text(v)),
        "mobilephone" => |p, v| put(number(&mut p.telecom, "phone", Some("mobile")), text(v)),
        "tt_phone" => |p, v| put(number(&mut p.telecom, "phone", None), text(v)),
        "emailaddress1" => |p, v| put(number(&mut p.telecom, "email", None), text(v)),
        "fax" => |p, v| put(number(&mut p.telecom, "fax", None), text(v)),
        "pager" => |p, v| put(number(&mut p.telecom, "pager", None), text(v)),
        "websiteurl" => |p, v| put(number(&mut p.telecom, "url", None), text(v)),

        "msemr_generalpractioner" => |p, v| refer(first(&mut p.general_practitioner), v, &["Practitioner"]),
        "tt_generalpractitionerorganization" => |p, v| refer(first(&mut p.general_practitioner), v, &["Organization"]),
        "msemr_managingorganization" | "parentcustomerid" => |p, v| refer(p.managing_organization.get_or_insert_default(), v, &["Organization"]),

        "msemr_name1use" => |p, v| put(&mut p.name().usage, code(v, &NAME_USES)),
        "msemr_name1startdate" => |p, v| put(&mut p.name().period.get_or_insert_default().start, moment(v)),
        "msemr_name1enddate" => |p, v| put(&mut p.name().period.get_or_insert_default().end, moment(v)),
        "msemr_name2" => |p, v| put(&mut p.used("official").text, text(v)),
        "msemr_name2familyname" => |p, v| put(&mut p.used("official").family, text(v)),
        "msemr_name2givenname" => |p, v| put(at(&mut p.used("official").given, 0)?, text(v)),
        "msemr_name2prefix" => |p, v| put(at(&mut p.used("official").prefix, 0)?, text(v)),
        "msemr_name2suffix" => |p, v| put(at(&mut p.used("official").suffix, 0)?, text(v)),
        "msemr_name2startdate" => |p, v| put(&mut p.used("official").period.get_or_insert_default().start, moment(v)),
        "msemr_name2enddate" => |p, v| put(&mut p.used("official").period.get_or_insert_default().end, moment(v)),
        "msemr_name3" => |p, v| put(&mut p.used("temp").text, text(v)),
        "msemr_name3familyname" => |p, v| put(&mut p.used("temp").family, text(v)),
        "msemr_name3givenname" => |p, v| put(at(&mut p.used("temp").given, 0)?, text(v)),
        "msemr_name3prefix" => |p, v| put(at(&mut p.used("temp").prefix, 0)?, text(v)),
        "msemr_name3suffix" => |p, v| put(at(&mut p.used("temp").suffix, 0)?, text(v)),
        "msemr_name3namestartdate" => |p, v| put(&mut p.used("temp").period.get_or_insert_default().start, moment(v)),
        "msemr_name3nameenddate" => |p, v| put(&mut p.used("temp").period.get_or_insert_default().end, moment(v)),

        "statecode" => |_, v| constant(v, "0"),
        "statuscode" => |_, v| constant(v, "1"),
        _ => return repeated(column),
    };
    Some(setter)
}

/// A column of one of several elements: its name without their number, and the number.
fn repeated(column: &str) -> Option<Setter> {
    let digit = column.find(|c: char| c.is_ascii_digit())?;
    let number = &column[digit..=digit];
    let name = [&column[..digit], &column[digit + 1..]].concat();
    match number {
        "1" => of_number::<0>(&name),
        "2" => of_number::<1>(&name),
        "3" => of_number::<2>(&name),
        _ => None,
    }
}

#[rustfmt::skip]
fn of_number<const N: usize>(column: &str) -> Option<Setter> {
    let setter: Setter = match column {
        // The first digit is that of the address, the second that of the line.
        "address_line1" => |p, v| put(at(&mut p.address(N)?.line, 0)?, text(v)),
        "address_line2" => |p, v| put(at(&mut p.address(N)?.line, 1)?, text(v)),
        "address_line3" => |p, v| put(at(&mut p.address(N)?.line, 2)?, text(v)),
        "address_city" => |p, v| put(&mut p.address(N)?.city, text(v)),
        "address_stateorprovince" => |p, v| put(&mut p.address(N)?.state, text(v)),
        "address_postalcode" => |p, v| put(&mut p.address(N)?.postal_code, text(v)),
        "address_country" => |p, v| put(&mut p.address(N)?.country, text(v)),
        "address_county" => |p, v| put(&mut p.address(N)?.district, text(v)),
        "tt_addressuse" => |p, v| put(&mut p.address(N)?.usage, code(v, &ADDRESS_USES)),
        "tt_addresstype" => |p, v| put(&mut p.address(N)?.kind, code(v, &ADDRESS_TYPES)),
        "tt_addresstext" => |p, v| put(&mut p.address(N)?.text, text(v)),
        "msemr_addressperiodstartdate" => |p, v| put(&mut p.address(N)?.period.get_or_insert_default().start, moment(v)),
        "msemr_addressperiodenddate" => |p, v| put(&mut p.address(N)?.period.get_or_insert_default().end, moment(v)),

        "msemr_communicationlanguage_code" => |p, v| at(&mut p.communication, N)?.language.get_or_insert_default().coding().set_code(v),
        "msemr_communicationlanguage_system" => |p, v| at(&mut p.communication, N)?.language.get_or_insert_default().coding().set_system(v),
        "msemr_communicationlanguage_display" => |p, v| put(&mut at(&mut p.communication, N)?.language.get_or_insert_default().coding().display, text(v)),
        "tt_communicationlanguagetext" => |p, v| put(&mut at(&mut p.communication, N)?.language.get_or_insert_default().text, text(v)),
        "msemr_communicationpreferred" => |p, v| put(&mut at(&mut p.communication, N)?.preferred, boolean(v)),

        "tt_contactname" => |p, v| put(&mut at(&mut p.contact, N)?.name().text, text(v)),
        "tt_contactlastname" => |p, v| put(&mut at(&mut p.contact, N)?.name().family, text(v)),
        "tt_contactfirstname" => |p, v| put(at(&mut at(&mut p.contact, N)?.name().given, 0)?, text(v)),
        "tt_contactphone" => |p, v| put(number(&mut at(&mut p.contact, N)?.telecom, "phone", None), text(v)),
        "msemr_contactrelationship_code" => |p, v| at(&mut p.contact, N)?.relationship().coding().set_code(v),
        "msemr_contactrelationship_system" => |p, v| at(&mut p.contact, N)?.relationship().coding().set_system(v),
        "msemr_contactrelationship_display" => |p, v| put(&mut at(&mut p.contact, N)?.relationship().coding().display, text(v)),
        "tt_contactrelationshiptext" => |p, v| put(&mut at(&mut p.contact, N)?.relationship().text, text(v)),
        "msemr_contactstartdate" => |p, v| put(&mut at(&mut p.contact, N)?.period().start, moment(v)),
        "msemr_contactenddate" => |p, v| put(&mut at(&mut p.contact, N)?.period().end, moment(v)),

        "msemr_link" => |p, v| refer(at(&mut p.link, N)?.other.get_or_insert_default(), v, &["Patient", "RelatedPerson"]),
        "msemr_linktype_code" => |p, v| put(&mut at(&mut p.link, N)?.kind, text(v)),
        "msemr_linktype_system" => |_, v| constant(v, LINK_TYPES),

        "msemr_telecomsystem" => |p, v| put(&mut at(&mut p.telecom, N)?.system, code(v, &TELECOM_SYSTEMS)),
        "msemr_telecomuse" => |p, v| put(&mut at(&mut p.telecom, N)?.usage, code(v, &TELECOM_USES)),
        "tt_telecomvalue" => |p, v| put(&mut at(&mut p.telecom, N)?.value, text(v)),
        "msemr_telecomrank" => |p, v| put(&mut at(&mut p.telecom, N)?.rank, whole(v)),
        "msemr_telecomstartdate" => |p, v| put(&mut at(&mut p.telecom, N)?.period.get_or_insert_default().start, moment(v)),
        "msemr_telecomenddate" => |p, v| put(&mut at(&mut p.telecom, N)?.period.get_or_insert_default().end, moment(v)),
        _ => return None,
    };
    Some(setter)
}

/// A full date.
fn date(value: &str) -> Result<Text<'_>> {
    if value::parse_date(value).is_some() { Ok(Text(value.into())) } else { Err("no full date".into()) }
}
