//! Choice elements of FHIR R4 (`value[x]`, `onset[x]`, …): of the members that one of them may have, an object
//! holds one at most, so that writing one removes the others.
//!
//! Drawn from HL7's definitions (CC0-1.0). A base counts only in the resource types that have it: an Encounter's
//! `reasonCode` and `reasonReference` are two elements, not one choice.

/// The base of the choice element that `member` is in a resource of that type: `value` for `valueQuantity`.
pub(crate) fn base<'m>(resource_type: &str, member: &'m str) -> Option<&'m str> {
    let of_resource = RESOURCES.iter().find(|(name, _)| *name == resource_type).map_or(&[][..], |(_, bases)| bases);
    let base = of_resource.iter().chain(DATATYPES).find(|base| alternative(member, base).is_some())?;
    member.get(..base.len())
}

/// The type in `member` if it is one of the choice element `base`: `Quantity` of `valueQuantity`.
pub(crate) fn alternative<'m>(member: &'m str, base: &str) -> Option<&'m str> {
    let kind = member.strip_prefix(base)?;
    TYPES.contains(&kind).then_some(kind)
}

/// Types that a choice element may have, as they stand in its name.
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

/// Choice elements of resources and their backbone elements.
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
