//! The types of FHIR and FHIRPath, as far as a view has to tell them apart.

/// The type of an element, or the one that `ofType`, `is` and `as` ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Nothing is known: the JSON value decides.
    Unknown,
    Primitive(Primitive),
    /// A complex type or resource: position in [`Program::types`](crate::program::Program).
    Complex(u16),
    /// A type of FHIRPath's own, which literals and results have: `System.String`.
    System(Family),
}

/// How the value of a primitive is read and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Family {
    Boolean,
    Text,
    Integer,
    Decimal,
    Date,
    DateTime,
    Time,
}

macro_rules! primitives {
    ($($variant:ident $name:literal $family:ident $parent:literal;)*) => {
        /// The primitive types of FHIR.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Primitive { $($variant,)* }

        impl Primitive {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            pub(crate) fn family(self) -> Family {
                match self { $(Self::$variant => Family::$family,)* }
            }

            /// The type that it specialises, or nothing.
            fn parent(self) -> &'static str {
                match self { $(Self::$variant => $parent,)* }
            }
        }
    };
}

primitives! {
    Base64Binary "base64Binary" Text "";
    Boolean "boolean" Boolean "";
    Canonical "canonical" Text "uri";
    Code "code" Text "string";
    Date "date" Date "";
    DateTime "dateTime" DateTime "";
    Decimal "decimal" Decimal "";
    Id "id" Text "string";
    Instant "instant" DateTime "";
    Integer "integer" Integer "";
    Integer64 "integer64" Integer "";
    Markdown "markdown" Text "string";
    Oid "oid" Text "uri";
    PositiveInt "positiveInt" Integer "integer";
    String "string" Text "";
    Time "time" Time "";
    UnsignedInt "unsignedInt" Integer "integer";
    Uri "uri" Text "";
    Url "url" Text "uri";
    Uuid "uuid" Text "uri";
    Xhtml "xhtml" Text "";
}

impl Primitive {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|own| own.name() == name)
    }

    /// It is that type or specialises it.
    pub(crate) fn is(self, other: Self) -> bool {
        self == other || self.parent() == other.name()
    }
}

impl Family {
    pub(crate) const ALL: &[Self] =
        &[Self::Boolean, Self::Text, Self::Integer, Self::Decimal, Self::Date, Self::DateTime, Self::Time];

    /// Its name in the namespace `System`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Text => "String",
            Self::Integer => "Integer",
            Self::Decimal => "Decimal",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::Time => "Time",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|own| own.name() == name)
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal)
    }
}

/// Complex types that specialise `Quantity`.
pub(crate) const QUANTITIES: [&str; 6] = ["Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity"];

/// A complex type is that type or specialises it.
pub(crate) fn complex_is(name: &str, other: &str) -> bool {
    name == other || (other == "Quantity" && QUANTITIES.contains(&name))
}

/// Complex types that a choice element (`value[x]`) can have.
const CHOICES: [&str; 33] = [
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "CodeableConcept",
    "CodeableReference",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "Count",
    "DataRequirement",
    "Distance",
    "Dosage",
    "Duration",
    "Expression",
    "HumanName",
    "Identifier",
    "Meta",
    "Money",
    "ParameterDefinition",
    "Period",
    "Quantity",
    "Range",
    "Ratio",
    "RatioRange",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "Timing",
    "TriggerDefinition",
    "UsageContext",
];

/// What the end of a choice element's name says of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suffix {
    Primitive(Primitive),
    Complex(&'static str),
}

/// `Quantity` of `valueQuantity`; nothing for what is no type, so that `valueSet` is not a `value`.
pub(crate) fn suffix(text: &str) -> Option<Suffix> {
    if let Some(name) = CHOICES.iter().find(|name| **name == text) {
        return Some(Suffix::Complex(name));
    }
    let is_primitive = |primitive: &&Primitive| {
        let name = primitive.name();
        let (first, rest) = name.split_at(1);
        text.len() == name.len() && text.ends_with(rest) && text.starts_with(&first.to_ascii_uppercase())
    };
    Primitive::ALL.iter().find(is_primitive).map(|primitive| Suffix::Primitive(*primitive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_of_choice_elements() {
        assert_eq!(suffix("DateTime"), Some(Suffix::Primitive(Primitive::DateTime)));
        assert_eq!(suffix("Quantity"), Some(Suffix::Complex("Quantity")));
        for no_type in ["Set", "", "dateTime", "Datetime", "quantity", "É"] {
            assert_eq!(suffix(no_type), None, "{no_type}");
        }
    }

    #[test]
    fn specialisations() {
        assert!(Primitive::Url.is(Primitive::Uri) && Primitive::Code.is(Primitive::String));
        assert!(!Primitive::String.is(Primitive::Code) && !Primitive::Uri.is(Primitive::String));
        assert!(complex_is("Age", "Quantity") && !complex_is("Quantity", "Age"));
    }
}
