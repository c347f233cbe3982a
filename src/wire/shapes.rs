//! Schemas of WebAuthn's JSON (Level 3 §5.1.7 to §5.1.10) for the OpenAPI document. `webauthn`
//! reads and writes that JSON; a test compares the two.

/// Declares the schemas of WebAuthn's dictionaries.
macro_rules! shapes {
    ($(
        $(#[$about:meta])* $name:ident as $public:ident {
            $($(#[$field_about:meta])* $field:ident: $kind:ty,)*
        }
    )*) => {$(
        $(#[$about])*
        #[derive(utoipa::ToSchema)]
        #[schema(as = $public, rename_all = "camelCase")]
        #[expect(dead_code, reason = "the document is made from it")]
        pub(crate) struct $name { $($(#[$field_about])* $field: $kind,)* }
    )*};
}

shapes! {
    /// Options for a new credential: the argument of `parseCreationOptionsFromJSON`.
    CreationOptions as PublicKeyCredentialCreationOptionsJSON {
        rp: RpEntity,
        user: UserAccount,
        /// Base64url.
        challenge: String,
        pub_key_cred_params: Vec<KeyParameters>,
        /// Milliseconds.
        timeout: u32,
        exclude_credentials: Vec<Descriptor>,
        authenticator_selection: AuthenticatorSelection,
        /// `security-key`, `client-device`, `hybrid`.
        hints: Vec<String>,
        /// `none`, `indirect` or `direct`.
        attestation: String,
        #[schema(value_type = Object)]
        extensions: serde_json::Value,
    }
    RpEntity as PublicKeyCredentialRpEntity {
        /// The RP ID.
        id: String,
        name: String,
    }
    UserAccount as PublicKeyCredentialUserEntityJSON {
        /// The user handle in base64url.
        id: String,
        name: String,
        display_name: String,
    }
    KeyParameters as PublicKeyCredentialParameters {
        /// `public-key`.
        r#type: String,
        /// A COSE algorithm identifier.
        alg: i64,
    }
    Descriptor as PublicKeyCredentialDescriptorJSON {
        /// `public-key`.
        r#type: String,
        /// The credential id in base64url.
        id: String,
        #[schema(required = false)]
        transports: Vec<String>,
    }
    AuthenticatorSelection as AuthenticatorSelectionCriteria {
        /// `discouraged`, `preferred` or `required`.
        resident_key: String,
        require_resident_key: bool,
        /// `discouraged`, `preferred` or `required`.
        user_verification: String,
    }
    /// Options for a sign-in: the argument of `parseRequestOptionsFromJSON`.
    RequestOptions as PublicKeyCredentialRequestOptionsJSON {
        /// Base64url.
        challenge: String,
        /// Milliseconds.
        timeout: u32,
        rp_id: String,
        /// Empty where the sign-in began without an account: any credential that an authenticator
        /// stores will do.
        allow_credentials: Vec<Descriptor>,
        /// `discouraged`, `preferred` or `required`.
        user_verification: String,
        hints: Vec<String>,
        #[schema(value_type = Object)]
        extensions: serde_json::Value,
    }
    /// A new credential: `PublicKeyCredential.toJSON()`. Members that are not named here are not
    /// read.
    RegistrationResponse as RegistrationResponseJSON {
        /// The credential id in base64url.
        id: String,
        /// The same.
        raw_id: String,
        response: AttestationResponse,
        /// `public-key`.
        r#type: String,
        #[schema(required = false)]
        client_extension_results: ExtensionResults,
    }
    AttestationResponse as AuthenticatorAttestationResponseJSON {
        /// Base64url.
        #[schema(rename = "clientDataJSON")]
        client_data_json: String,
        /// Base64url.
        attestation_object: String,
        #[schema(required = false)]
        transports: Vec<String>,
    }
    /// An assertion: `PublicKeyCredential.toJSON()`. Members that are not named here are not read.
    AuthenticationResponse as AuthenticationResponseJSON {
        /// The credential id in base64url.
        id: String,
        /// The same.
        raw_id: String,
        response: AssertionResponse,
        /// `public-key`.
        r#type: String,
        #[schema(required = false)]
        client_extension_results: ExtensionResults,
    }
    AssertionResponse as AuthenticatorAssertionResponseJSON {
        /// Base64url.
        #[schema(rename = "clientDataJSON")]
        client_data_json: String,
        /// Base64url.
        authenticator_data: String,
        /// Base64url.
        signature: String,
        /// Base64url; left out where the authenticator does not say.
        #[schema(required = false)]
        user_handle: String,
    }
    ExtensionResults as AuthenticationExtensionsClientOutputsJSON {
        /// The credential is bound to the AppID.
        #[schema(required = false)]
        appid: bool,
        /// Properties of a new credential, as the client reports them.
        #[schema(required = false)]
        cred_props: CredentialProperties,
    }
    CredentialProperties as CredentialPropertiesOutput {
        /// The credential is discoverable.
        #[schema(required = false)]
        rk: bool,
    }
}
