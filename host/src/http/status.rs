//! The one place where an error's code becomes an HTTP status.

use axum::http::StatusCode;

use crate::model::error::Code;

pub fn status(code: Code) -> StatusCode {
    match code {
        Code::BadUrl
        | Code::BadFilter
        | Code::BadOption
        | Code::BadKey
        | Code::BadJson
        | Code::BadValue
        | Code::BadRequest
        | Code::UnknownColumn
        | Code::UnknownRelation
        | Code::NotWritable
        | Code::RequiredColumn
        | Code::ScanBudgetExceeded
        | Code::PageTokenInvalid
        | Code::DeltaTokenInvalid => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden | Code::CrossSite => StatusCode::FORBIDDEN,
        Code::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
        Code::UnknownTable | Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Code::AlreadyExists | Code::Conflict | Code::BreakingChange => StatusCode::CONFLICT,
        Code::PageTokenExpired | Code::DeltaTokenExpired => StatusCode::GONE,
        Code::VersionMismatch | Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::FailedDependency => StatusCode::FAILED_DEPENDENCY,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UrlTooLong => StatusCode::URI_TOO_LONG,
        Code::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::RefusedByFhir | Code::ComponentRefused | Code::ComponentUnsigned | Code::SignatureRefused => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::UpstreamBusy => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal
        | Code::Store
        | Code::Config
        | Code::MappingFault
        | Code::MappingTimeout
        | Code::MappingMemory
        | Code::MappingOutputTooLarge
        | Code::MappingInputTooLarge
        | Code::MappingIllFormed => StatusCode::INTERNAL_SERVER_ERROR,
        Code::NotSupported => StatusCode::NOT_IMPLEMENTED,
        Code::UpstreamAuth | Code::UpstreamDown | Code::UpstreamInvalid => StatusCode::BAD_GATEWAY,
        Code::Busy | Code::MappingBusy | Code::MappingMissing | Code::StorageFailed => StatusCode::SERVICE_UNAVAILABLE,
        Code::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        Code::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
    }
}
