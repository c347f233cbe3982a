//! Controls, found by role and accessible name in the browser's own tree, and used as people do.

use std::thread::sleep;
use std::time::Instant;

use serde_json::{Value, json};

use crate::chromium::{Browser, LONGEST, PAUSE, text};

/// An element of the page, as the accessibility tree shows it.
#[derive(Clone, Debug)]
pub struct Control {
    node: i64,
    /// Role, such as `button`.
    pub role: String,
    /// Accessible name.
    pub name: String,
    /// Accessible description.
    pub description: String,
    /// Value of a text field.
    pub value: String,
    /// `focused`, `invalid`, `readonly`, `checked` and others, as the protocol tells them.
    pub properties: Vec<(String, Value)>,
}

impl Browser {
    /// The one control with this role and exactly this name. Waits until it is there.
    #[track_caller]
    pub fn by(&mut self, role: &str, name: &str) -> Control {
        self.one(None, role, name)
    }

    /// The same inside another element.
    #[track_caller]
    pub fn by_within(&mut self, within: &Control, role: &str, name: &str) -> Control {
        self.one(Some(within.node), role, name)
    }

    /// All controls with this role, in the order of the page.
    pub fn all(&mut self, role: &str) -> Vec<Control> {
        self.query(None, role, None).unwrap_or_default()
    }

    /// All with this role inside an element, in the order of the page.
    pub fn all_within(&mut self, within: &Control, role: &str) -> Vec<Control> {
        self.query(Some(within.node), role, None).unwrap_or_default()
    }

    /// True if a control with this role and name is there now.
    pub fn has(&mut self, role: &str, name: &str) -> bool {
        self.query(None, role, Some(name)).is_ok_and(|found| !found.is_empty())
    }

    /// The heading of level 1.
    #[track_caller]
    pub fn heading(&mut self) -> String {
        let level = |control: &Control| {
            control.properties.iter().any(|(name, value)| name == "level" && *value == 1)
        };
        let found: Vec<Control> = self.all("heading").into_iter().filter(level).collect();
        assert!(found.len() == 1, "{} headings of level 1\n{}", found.len(), self.outline());
        found.into_iter().next().map(|heading| heading.name).unwrap_or_default()
    }

    /// Waits for a page with this heading of level 1.
    #[track_caller]
    pub fn arrives(&mut self, heading: &str) {
        // A question about the accessibility tree that meets the exchange of a page for another
        // ends the browser's process of both: it is put to a page that stays.
        let loaded = json!({
            "expression": "document.readyState == 'complete' && \
                document.querySelector('h1')?.innerText",
            "returnByValue": true,
        });
        let deadline = Instant::now() + LONGEST;
        loop {
            let loaded = self.page.look("Runtime.evaluate", &loaded);
            if loaded.is_some_and(|it| it.is_ok_and(|it| it["result"]["value"] == heading)) {
                assert_eq!(self.heading(), heading);
                return;
            }
            assert!(Instant::now() < deadline, "no heading {heading:?}\n{}", self.outline());
            sleep(PAUSE);
        }
    }

    /// Text of an element as a person sees it.
    #[track_caller]
    pub fn text_of(&mut self, control: &Control) -> String {
        text(&self.on(control, "function() { return this.innerText }"))
    }

    /// The value of a function with the element as `this`.
    #[track_caller]
    pub fn on(&mut self, control: &Control, function: &str) -> Value {
        let object = self.call("DOM.resolveNode", &json!({ "backendNodeId": control.node }));
        let parameters = json!({
            "functionDeclaration": function, "objectId": object["object"]["objectId"],
            "returnByValue": true, "awaitPromise": true, "userGesture": true,
        });
        let answer = self.call("Runtime.callFunctionOn", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{function}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Clicks with the mouse, at a place where the control is on top.
    #[track_caller]
    pub fn click(&mut self, control: &Control) {
        let node = json!({ "backendNodeId": control.node });
        self.call("DOM.scrollIntoViewIfNeeded", &node);
        let quads = self.call("DOM.getContentQuads", &node);
        let corner = |index: usize| quads["quads"][0][index].as_f64();
        let (Some(left), Some(top)) = (corner(0), corner(1)) else {
            panic!("{} {:?} has no place on the page", control.role, control.name);
        };
        let (right, bottom) = (corner(4).unwrap_or(left), corner(5).unwrap_or(top));
        let (x, y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        self.assert_on_top(control, x, y);
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({
                "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Finds a control, clicks it, and waits for the page that this brings.
    #[track_caller]
    pub fn press(&mut self, role: &str, name: &str) {
        let control = self.by(role, name);
        let loads = self.page.loads();
        self.click(&control);
        self.wait_for_page(loads);
    }

    /// Replaces the content of a text field by typing.
    #[track_caller]
    pub fn fill(&mut self, name: &str, content: &str) {
        let field = self.field(name);
        self.click(&field);
        let all = json!({ "type": "rawKeyDown", "commands": ["selectAll"] });
        self.call("Input.dispatchKeyEvent", &all);
        self.key("Backspace");
        self.types(content);
    }

    /// The text field with this label: a text box, a search box, or one for a password.
    #[track_caller]
    pub fn field(&mut self, label: &str) -> Control {
        let role = if self.has("searchbox", label) { "searchbox" } else { "textbox" };
        self.by(role, label)
    }

    /// Presses Enter in a text field, and waits for the page that this brings.
    #[track_caller]
    pub fn enter(&mut self) {
        let loads = self.page.loads();
        self.key("Enter");
        self.wait_for_page(loads);
    }

    /// The control that has the focus; none if the page itself has it.
    pub fn focused(&mut self) -> Option<Control> {
        let active = json!({ "expression": "document.activeElement" });
        let active = self.call("Runtime.evaluate", &active);
        let object = json!({ "objectId": active["result"]["objectId"], "fetchRelatives": false });
        let tree = self.call("Accessibility.getPartialAXTree", &object);
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        let first = nodes.iter().find(|node| node["ignored"] != true).map(control_of);
        first.filter(|control| control.role != "RootWebArea")
    }

    /// The accessibility tree of the page in lines, for the messages of tests.
    pub fn outline(&mut self) -> String {
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
        let shown = nodes.iter().filter(|node| node["ignored"] != true).map(control_of);
        let lines = shown.filter(|control| !["InlineTextBox", "none"].contains(&&*control.role));
        lines.map(|control| format!("{} {:?}\n", control.role, control.name)).collect()
    }

    fn one(&mut self, within: Option<i64>, role: &str, name: &str) -> Control {
        let deadline = Instant::now() + LONGEST;
        loop {
            let mut found = self.query(within, role, Some(name)).unwrap_or_default();
            match found.len() {
                1 => return found.remove(0),
                0 if Instant::now() < deadline => sleep(PAUSE),
                count => panic!("{count} of role {role} named {name:?} in\n{}", self.outline()),
            }
        }
    }

    /// Fails while the page is exchanged for another.
    fn query(
        &mut self,
        within: Option<i64>,
        role: &str,
        name: Option<&str>,
    ) -> Result<Vec<Control>, String> {
        let deadline = Instant::now() + LONGEST;
        loop {
            if let Some(found) = self.look_for(within, role, name) {
                return found;
            }
            assert!(Instant::now() < deadline, "the browser does not say what is on the page");
        }
    }

    /// None if the browser does not answer.
    fn look_for(
        &self,
        within: Option<i64>,
        role: &str,
        name: Option<&str>,
    ) -> Option<Result<Vec<Control>, String>> {
        let root = match within {
            Some(node) => node,
            None => match self.page.look("DOM.getDocument", &json!({ "depth": 0 }))? {
                Ok(document) => document["root"]["backendNodeId"].as_i64().unwrap_or_default(),
                Err(error) => return Some(Err(error)),
            },
        };
        let mut query = json!({ "backendNodeId": root, "role": role });
        if let Some(name) = name {
            query["accessibleName"] = name.into();
        }
        let found = self.page.look("Accessibility.queryAXTree", &query)?;
        Some(found.map(|answer| {
            let nodes = answer["nodes"].as_array().cloned().unwrap_or_default();
            nodes.iter().filter(|node| node["ignored"] != true).map(control_of).collect()
        }))
    }

    /// Fails if something else covers the control there: a person could not click it.
    #[track_caller]
    fn assert_on_top(&mut self, control: &Control, x: f64, y: f64) {
        let scrolled = self.run("[scrollX, scrollY]");
        let along = |axis: usize| scrolled[axis].as_f64().unwrap_or_default();
        #[allow(clippy::as_conversions, reason = "a place on a page is a small whole number")]
        let place = json!({ "x": (x + along(0)) as i64, "y": (y + along(1)) as i64 });
        let there = self.call("DOM.getNodeForLocation", &place)["backendNodeId"].clone();
        let whole = json!({ "backendNodeId": control.node, "depth": -1, "pierce": true });
        let described = self.call("DOM.describeNode", &whole);
        let covered = !contains(&described["node"], &there);
        assert!(!covered, "{} {:?} is covered at {x}, {y}", control.role, control.name);
    }
}

fn control_of(node: &Value) -> Control {
    let value = |member: &str| match &node[member]["value"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let properties = node["properties"].as_array().cloned().unwrap_or_default();
    let property = |it: &Value| (text(&it["name"]), it["value"]["value"].clone());
    Control {
        node: node["backendDOMNodeId"].as_i64().unwrap_or_default(),
        role: value("role"),
        name: value("name"),
        description: value("description"),
        value: value("value"),
        properties: properties.iter().map(property).collect(),
    }
}

fn contains(node: &Value, wanted: &Value) -> bool {
    node["backendNodeId"] == *wanted
        || ["children", "shadowRoots", "pseudoElements"]
            .iter()
            .any(|part| node[part].as_array().into_iter().flatten().any(|it| contains(it, wanted)))
}
