//! Choice elements of FHIR R4 (`value[x]`, `onset[x]`, …): of the members that one of them may have, an object
//! holds one at most, so that writing one removes the others.
//!
//! Drawn from HL7's definitions (CC0-1.0). A base counts only in the resource types that have it: an Encounter's
//! `reasonCode` and `reasonReference` are two elements, not one choice.

/// The base of the choice element that `member` is in a resource of that type: `value` for `valueQuantity`.
pub fn base<'m>(resource_type: &str, member: &'m str) -> Option<&'m str> {
    // A type begins with a capital letter, which most members have none of.
    let capitals = member.bytes().enumerate().skip(1).filter(|(_, byte)| byte.is_ascii_uppercase());
    let bases = capitals.filter(|(at, _)| is_type(&member[*at..])).map(|(at, _)| &member[..at]);
    bases.into_iter().find(|base| DATATYPES.contains(base) || of_resource(resource_type).contains(base))
}

fn of_resource(resource_type: &str) -> &'static [&'static str] {
    RESOURCES.binary_search_by_key(&resource_type, |(name, _)| name).map_or(&[], |at| RESOURCES[at].1)
}

fn is_type(name: &str) -> bool {
    TYPES.binary_search(&name).is_ok()
}

/// The type in `member` if it is one of the choice element `base`: `Quantity` of `valueQuantity`.
pub fn alternative<'m>(member: &'m str, base: &str) -> Option<&'m str> {
    let kind = member.strip_prefix(base)?;
    is_type(kind).then_some(kind)
}

/// Types that a choice element may have, as they stand in its name, sorted.
#[rustfmt::skip]
const TYPES: &[&str] = &[
    "Address", "Age", "Annotation", "Attachment", "Base64Binary", "Boolean", "Canonical", "Code", "CodeableConcept",
    "Coding", "ContactDetail", "ContactPoint", "Contributor", "Count", "DataRequirement", "Date", "DateTime",
    "Decimal", "Distance", "Dosage", "Duration", "Expression", "HumanName", "Id", "Identifier", "Instant", "Integer",
    "Markdown", "Meta", "Money", "Oid", "ParameterDefinition", "Period", "PositiveInt", "Quantity", "Range", "Ratio",
    "Reference", "RelatedArtifact", "SampledData", "Signature", "String", "Time", "Timing", "TriggerDefinition",
    "UnsignedInt", "Uri", "Url", "UsageContext", "Uuid",
];

/// Choice elements of data types, which any resource may contain.
const DATATYPES: &[&str] = &["age", "amount", "asNeeded", "author", "bounds", "dose", "rate", "value"];

/// Choice elements of resources, sorted, and their backbone elements.
#[rustfmt::skip]
const RESOURCES: &[(&str, &[&str])] = &[
    ("ActivityDefinition", &["product", "subject", "timing"]),
    ("AllergyIntolerance", &["onset"]),
    ("CarePlan", &["product", "scheduled"]),
    ("ChargeItem", &["occurrence", "product"]),
    ("Claim", &["diagnosis", "location", "procedure", "serviced", "timing"]),
    ("ClaimResponse", &["location", "serviced"]),
    ("ClinicalImpression", &["effective"]),
    ("Communication", &["content"]),
    ("CommunicationRequest", &["content", "occurrence"]),
    ("Composition", &["target"]),
    ("ConceptMap", &["source", "target"]),
    ("Condition", &["abatement", "onset"]),
    ("Consent", &["source"]),
    ("Contract", &["content", "entity", "legallyBinding", "occurrence", "topic"]),
    ("CoverageEligibilityRequest", &["diagnosis", "serviced"]),
    ("CoverageEligibilityResponse", &["allowed", "serviced", "used"]),
    ("DetectedIssue", &["identified"]),
    ("DeviceDefinition", &["manufacturer"]),
    ("DeviceRequest", &["code", "occurrence"]),
    ("DeviceUseStatement", &["timing"]),
    ("DiagnosticReport", &["effective"]),
    ("EventDefinition", &["subject"]),
    ("EvidenceVariable", &["duration", "event", "instances"]),
    ("ExplanationOfBenefit", &["allowed", "diagnosis", "location", "procedure", "serviced", "timing", "used"]),
    ("FamilyMemberHistory", &["born", "deceased", "onset"]),
    ("Goal", &["detail", "due", "start"]),
    ("GuidanceResponse", &["module"]),
    ("Immunization", &["doseNumber", "occurrence", "seriesDoses"]),
    ("ImmunizationEvaluation", &["doseNumber", "seriesDoses"]),
    ("ImmunizationRecommendation", &["doseNumber", "seriesDoses"]),
    ("ImplementationGuide", &["example", "name"]),
    ("Invoice", &["chargeItem"]),
    ("Library", &["subject"]),
    ("Measure", &["subject"]),
    ("Media", &["created"]),
    ("Medication", &["item"]),
    ("MedicationAdministration", &["effective", "medication"]),
    ("MedicationDispense", &["medication", "statusReason"]),
    ("MedicationKnowledge", &["characteristic", "indication", "item"]),
    ("MedicationRequest", &["allowed", "medication", "reported"]),
    ("MedicationStatement", &["effective", "medication"]),
    ("MedicinalProduct", &["indication"]),
    ("MedicinalProductAuthorization", &["date"]),
    ("MedicinalProductContraindication", &["medication"]),
    ("MedicinalProductIndication", &["medication"]),
    ("MedicinalProductInteraction", &["item"]),
    ("MessageDefinition", &["event"]),
    ("MessageHeader", &["event"]),
    ("Observation", &["effective"]),
    ("Patient", &["deceased", "multipleBirth"]),
    ("PlanDefinition", &["definition", "detail", "offset", "subject", "timing"]),
    ("Procedure", &["performed"]),
    ("Provenance", &["occurred"]),
    ("Questionnaire", &["answer"]),
    ("RequestGroup", &["offset", "timing"]),
    ("ResearchDefinition", &["subject"]),
    ("ResearchElementDefinition", &["definition", "participantEffective", "studyEffective", "subject"]),
    ("RiskAssessment", &["occurrence", "probability", "when"]),
    ("ServiceRequest", &["occurrence", "quantity"]),
    ("Specimen", &["additive", "collected", "fastingStatus", "time"]),
    ("SpecimenDefinition", &["additive", "minimumVolume"]),
    ("StructureMap", &["defaultValue"]),
    ("Substance", &["substance"]),
    ("SubstanceSpecification", &["definingSubstance", "substance"]),
    ("SupplyDelivery", &["item", "occurrence"]),
    ("SupplyRequest", &["item", "occurrence"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(TYPES.is_sorted() && RESOURCES.is_sorted());
    }

    #[test]
    fn bases() {
        for (resource_type, member, expected) in [
            ("Observation", "valueQuantity", Some("value")),
            ("Observation", "effectiveDateTime", Some("effective")),
            ("Patient", "multipleBirthInteger", Some("multipleBirth")),
            ("Encounter", "reasonCode", None),
            ("Patient", "effectiveDateTime", None),
            ("Observation", "value", None),
            ("Observation", "valuequantity", None),
            ("Observation", "Quantity", None),
            ("Observation", "valueÜber", None),
            ("", "", None),
        ] {
            assert_eq!(base(resource_type, member), expected, "{resource_type}.{member}");
        }
    }
}
