//! The look of a page: size, colours, language, scripts; and pictures of it.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::chromium::{Browser, text};

/// Colours that a person prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
}

impl Scheme {
    /// Its name in CSS.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        }
    }
}

impl Browser {
    /// Sets the size of the window in CSS pixels.
    pub fn resize(&mut self, width: u32, height: u32) {
        self.metrics(width, height, 1);
    }

    /// A window of this size whose page is enlarged to 200 %: half as many CSS pixels.
    pub fn enlarge(&mut self, width: u32, height: u32) {
        self.metrics(width / 2, height / 2, 2);
    }

    fn metrics(&mut self, width: u32, height: u32, scale: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Sets the preferred colours. Motion is reduced, so that pictures are alike.
    pub fn prefer(&mut self, scheme: Scheme) {
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme.name() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]});
        self.call("Emulation.setEmulatedMedia", &media);
    }

    /// Shows pages as they would be printed, or on the screen again.
    pub fn print(&mut self, printed: bool) {
        let media = json!({ "media": if printed { "print" } else { "" } });
        self.call("Emulation.setEmulatedMedia", &media);
    }

    /// Sets the languages that requests ask for, such as `de, en;q=0.5`.
    pub fn speak(&mut self, languages: &str) {
        let headers = json!({ "headers": { "Accept-Language": languages } });
        self.call("Network.setExtraHTTPHeaders", &headers);
    }

    /// Switches the scripts of pages off or on, from the next page on.
    pub fn scripts(&mut self, on: bool) {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": !on }));
    }

    /// Puts downloads into this folder, under the names that the page gives them.
    pub fn download_to(&mut self, folder: &Path) {
        let behaviour = json!({
            "behavior": "allow", "browserContextId": self.context, "downloadPath": folder,
        });
        self.page.connection().call(None, "Browser.setDownloadBehavior", &behaviour);
    }

    /// True if the page is wider than the window.
    pub fn scrolls_sideways(&mut self) -> bool {
        self.run("document.documentElement.scrollWidth > innerWidth") == true
    }

    /// Saves a picture of what the window shows to this file.
    pub fn picture(&mut self, file: &Path) {
        self.capture(file, json!({ "format": "png" }));
    }

    /// Saves a picture of the whole page to this file.
    pub fn whole_picture(&mut self, file: &Path) {
        let size = self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        self.part_picture(file, &size);
    }

    /// Saves a picture of the whole page to this file, as small as one for a document is.
    pub fn small_picture(&mut self, file: &Path) {
        let size = self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        let small = json!({ "format": "webp", "quality": 75 });
        self.capture_part(file, &size, small);
    }

    /// Saves a picture of a part of the page, in CSS pixels from the page's beginning: `x`, `y`,
    /// `width`, `height`.
    pub fn part_picture(&mut self, file: &Path, part: &Value) {
        self.capture_part(file, part, json!({ "format": "png" }));
    }

    fn capture_part(&mut self, file: &Path, part: &Value, mut how: Value) {
        how["captureBeyondViewport"] = true.into();
        how["clip"] = json!({
            "x": part["x"], "y": part["y"], "width": part["width"], "height": part["height"],
            "scale": 1,
        });
        self.capture(file, how);
    }

    fn capture(&mut self, file: &Path, parameters: Value) {
        let taken = self.call("Page.captureScreenshot", &parameters);
        fs::write(file, STANDARD.decode(text(&taken["data"])).unwrap()).unwrap();
    }
}
