//! What Studio changes of the device itself: its settings and its credentials.

use super::{Credentials, Desk, Undone, misfit, not_yet, other};
use crate::modules::command::{Command, Reply, SettingsCommand};
use crate::settings::Change;
use protocol::Code;
use protocol::command::{
    ApplyAfter, ConfigChanged, CredentialRefresh, CredentialRefreshed, CredentialRevoke,
    DeviceConfig, Nothing, Occasion, RefreshStep,
};

impl Desk {
    /// Its time has come: waiting for that is dispatch's business.
    pub(super) async fn config(&self, config: DeviceConfig) -> Result<ConfigChanged, Undone> {
        if config.apply_after == ApplyAfter::When(Occasion::Reboot) {
            return Err(not_yet("/apply_after", "changes at the next start").into());
        }
        let change = Change {
            config_patch: config.config_patch,
            base_version: config.base_version,
            dry_run: config.dry_run,
        };
        let asked = Command::Settings(SettingsCommand::Change(change));
        match self.ask(asked).await {
            Ok(Reply::SettingsChanged(changed)) => Ok(ConfigChanged {
                config_version: changed.config_version,
                changed: changed.changed,
                restart_required: false,
            }),
            Ok(_) => Err(other()),
            Err(Undone::Failed(mut problem)) => {
                problem.field = problem.field.map(|field| format!("/payload{field}"));
                Err(problem.into())
            }
            Err(undone) => Err(undone),
        }
    }

    /// The device's credentials, where the command is still wanted.
    pub(super) fn credentials(&self) -> Result<&Credentials, Undone> {
        if self.stop.is_cancelled() {
            return Err(Undone::GivenUp);
        }
        let none = || Code::FeatureDisabled.with_message("the device has no credentials");
        Ok(self.credentials.as_ref().ok_or_else(none)?)
    }

    pub(super) async fn refresh(
        &self,
        refresh: CredentialRefresh,
    ) -> Result<CredentialRefreshed, Undone> {
        let credentials = self.credentials()?;
        let csr_pem = match (refresh.step, refresh.client_cert_pem) {
            (RefreshStep::Request, _) => Some(credentials.request().await?),
            (RefreshStep::Install, Some(pem)) => {
                credentials.install(&pem, &refresh.spki_pins).await?;
                None
            }
            (RefreshStep::Install, None) => {
                return Err(misfit("/client_cert_pem", "there is no certificate").into());
            }
        };
        Ok(CredentialRefreshed { csr_pem })
    }

    pub(super) async fn revoke(&self, revoke: CredentialRevoke) -> Result<Nothing, Undone> {
        let reason = revoke.reason.to_string();
        self.credentials()?.revoke(reason).await?;
        Ok(Nothing {})
    }
}
