//! The page in a real browser: read, by keyboard, on a phone, in the dark, without JavaScript.

use std::sync::Arc;

use api::answer::Answer;
use serde_json::{Value, json};

use crate::driver::Browser;
use crate::pages::PAGES;
use crate::served::Served;
use crate::stand_in::StandIn;

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

struct Scene {
    browser: Browser,
    served: Served,
    answer: Arc<StandIn>,
}

impl Scene {
    /// A browser that has come in through a link.
    async fn new(test: &str) -> Option<Self> {
        let browser = Browser::start(test)?;
        let answer = Arc::new(StandIn::new(30));
        let served = Served::new(Arc::clone(&answer) as Arc<dyn Answer>).await;
        let scene = Self { browser, served, answer };
        scene.browser.go(&scene.url(&scene.served.link()));
        Some(scene)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.served.address)
    }

    fn go(&self, path: &str) {
        self.browser.go(&self.url(path));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_opens_the_page_once_and_the_console_is_silent() {
    let Some(scene) = Scene::new("a_link_opens_the_page_once").await else { return };
    let browser = &scene.browser;
    // The address no longer holds the token, so that no history and no shoulder does.
    assert_eq!(browser.eval("return location.href"), json!(scene.url("/")));
    assert_eq!(browser.eval("return document.cookie"), json!(""));
    for path in PAGES {
        scene.go(path);
        browser.until("document.getElementById('live').textContent === 'Live'");
        let style = browser.eval("return getComputedStyle(document.body).marginTop");
        assert_eq!(style, json!("0px"), "{path}: the style is missing");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());

    let other = Browser::start("a_link_opens_the_page_once").expect("a second browser");
    let link = scene.url(&scene.served.link());
    other.go(&link);
    assert_eq!(other.eval("return document.querySelector('h1').textContent"), json!("Kesämaa"));
    browser.cdp("Network.clearBrowserCookies", &json!({}));
    browser.go(&link);
    let heading = browser.eval("return document.querySelector('h1').textContent");
    assert_eq!(heading, json!("This door is shut"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_site_cannot_read_or_lead_here() {
    let Some(scene) = Scene::new("another_site_cannot_read_or_lead_here").await else { return };
    // Another port of this machine is another origin, and the same site to the cookie.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let target = scene.url("/");
    let page = format!("<!doctype html><a href=\"{target}\">go</a>");
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(format!("{head}{page}").as_bytes()).await;
        }
    });
    scene.browser.go(&format!("http://{address}/"));
    let body = format!(
        "const done = arguments[arguments.length - 1]; \
         return fetch({target:?}, {{credentials: 'include'}}).then(() => 'read', () => 'refused')"
    );
    assert_eq!(scene.browser.eval(&body), json!("refused"));
    scene.browser.eval("document.querySelector('a').click()");
    scene.browser.until("document.querySelector('h1')");
    let heading = scene.browser.eval("return document.querySelector('h1').textContent");
    assert_eq!(heading, json!("Another site sent you"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_swaps_the_content_and_keeps_the_readers_place() {
    let Some(scene) = Scene::new("an_update_swaps_the_content").await else { return };
    let browser = &scene.browser;
    browser.resize(1280, 600);
    scene.go("/hosts/runko");
    browser.until("document.getElementById('live').textContent === 'Live'");
    browser.eval(
        "document.getElementById('group-pass').open = true; \
         document.getElementById('group-unknown').open = false; \
         document.querySelector('#meters > summary').focus(); \
         window.scrollTo(0, 700); window.before = document.getElementById('main');",
    );
    let top = browser.eval("return scrollY");
    scene.answer.changed.send_replace(2);
    browser.until("document.getElementById('main') !== window.before");
    assert_eq!(browser.eval("return document.getElementById('main').dataset.version"), json!("2"));
    assert_eq!(browser.eval("return document.getElementById('group-pass').open"), json!(true));
    assert_eq!(browser.eval("return document.getElementById('group-unknown').open"), json!(false));
    assert_eq!(browser.eval("return document.activeElement.parentElement.id"), json!("meters"));
    assert_eq!(browser.eval("return scrollY"), top);
    // Nothing was read out: the sentence is the same as before.
    assert_eq!(browser.eval("return document.getElementById('said').textContent"), json!(""));

    scene.go("/");
    browser.until("document.getElementById('live').textContent === 'Live'");
    scene.answer.heal();
    browser.until("document.getElementById('said').textContent.startsWith('All is well')");
    assert_eq!(browser.complaints(), Vec::<String>::new());

    let Scene { browser, served, .. } = scene;
    drop(served);
    browser.until("document.getElementById('live').textContent.startsWith('Not live since')");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_are_whole_without_javascript() {
    let Some(scene) = Scene::new("the_pages_are_whole_without_javascript").await else { return };
    let browser = &scene.browser;
    browser.cdp("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    for (path, text) in [
        ("/", "5 of 30 hosts need attention"),
        ("/hosts/runko", "systemctl restart synapse.service"),
        ("/changes", "6.1.0-28-amd64"),
    ] {
        scene.go(path);
        let tree = tree(browser);
        let shown = tree.iter().any(|node| node.name.contains(text));
        assert!(shown, "{path} lacks `{text}`");
        assert!(tree.iter().any(|n| n.name.contains("Reload the page to see newer")), "{path}");
        assert!(!tree.iter().any(|node| node.name == "Live"), "{path} claims to be live");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyboard_reaches_the_skip_link_and_every_fold() {
    let Some(scene) = Scene::new("the_keyboard_reaches_everything").await else { return };
    let browser = &scene.browser;
    scene.go("/hosts/runko");
    let mut seen = Vec::new();
    for _ in 0..25 {
        browser.press(TAB);
        let here = browser.eval(
            "const e = document.activeElement; const ring = getComputedStyle(e); \
             return [e.tagName, e.textContent.trim().slice(0, 40), \
                     ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) >= 2, \
                     e.getBoundingClientRect().top >= 0]",
        );
        assert_eq!((&here[2], &here[3]), (&json!(true), &json!(true)), "no visible focus: {here}");
        seen.push(format!("{} {}", here[0], here[1]).replace('"', ""));
    }
    assert_eq!(seen[0], "A Skip to the content");
    let place = |what: &str| seen.iter().position(|text| text.starts_with(what));
    assert!(place("A Overview") < place("A Timers"), "{seen:?}");
    assert!(place("A Timers").is_some() && place("A Timers") < place("SUMMARY Fails"), "{seen:?}");

    scene.go("/hosts/runko");
    browser.press(TAB);
    browser.press(ENTER);
    browser.until("document.activeElement.id === 'main'");
    browser.eval("document.querySelector('#group-pass > summary').focus()");
    browser.press(ENTER);
    browser.until("document.getElementById('group-pass').open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_fits_a_phone_and_can_be_read_in_the_dark() {
    let Some(scene) = Scene::new("every_page_fits_a_phone").await else { return };
    let browser = &scene.browser;
    for path in PAGES {
        let name = match path.split('?').next().expect("a path").trim_matches('/') {
            "" => "overview".to_owned(),
            path => path.replace('/', "-"),
        };
        for (width, scheme) in
            [(320, "light"), (360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")]
        {
            browser.resize(width, 800);
            browser.scheme(scheme);
            scene.go(path);
            let over = browser.eval(&"return [document.documentElement.scrollWidth, innerWidth, \
                 [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll table, pre, .unseen') \
                   && e.getBoundingClientRect().right > WIDTH + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 120))]".replace("WIDTH", &width.to_string()),
            );
            assert!(over[0].as_u64() <= over[1].as_u64(), "{path} at {width}: {over}");
            assert_eq!(over[1], json!(width), "{path}: {over}");
            if width > 320 {
                browser.until("document.getElementById('live').textContent === 'Live'");
                browser.picture(&format!("{name}-{width}-{scheme}"));
            }
            let faint = browser.eval(CONTRAST);
            assert_eq!(faint, json!([]), "{path} in {scheme}");
        }
    }
}

/// Finds text whose contrast with what lies behind it is below WCAG 2.2's AA (1.4.3).
const CONTRAST: &str = r"
document.querySelectorAll('details').forEach(fold => { fold.open = true; });
const parse = text => { const n = text.match(/[\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat([1]);
const light = c => { const f = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
const behind = e => { const layers = [];
  for (let at = e; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]); };
const faint = [];
for (const e of document.querySelectorAll('body *')) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const box = e.getBoundingClientRect();
  if (!own || !box.width || e.closest('.unseen, svg, noscript, [hidden]')) continue;
  const style = getComputedStyle(e); const back = behind(e);
  const [a, b] = [light(over(parse(style.color), back)), light(back)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  if (ratio < (large ? 3 : 4.5)) faint.push([e.tagName, e.className, e.textContent.slice(0, 30), ratio.toFixed(2)]);
}
return faint;
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_reader_finds_landmarks_headings_and_names() {
    let Some(scene) = Scene::new("a_screen_reader_finds_its_way").await else { return };
    for path in PAGES {
        scene.go(path);
        scene.browser.until("document.getElementById('live').textContent === 'Live'");
        let tree = tree(&scene.browser);
        let count = |role: &str| tree.iter().filter(|node| node.role == role).count();
        assert_eq!((count("main"), count("banner")), (1, 1), "{path}");
        assert!(count("navigation") >= 1 && count("heading") >= 1, "{path}");
        for node in &tree {
            let named = [
                "link",
                "DisclosureTriangle",
                "button",
                "navigation",
                "region",
                "image",
                "img",
                "table",
                "heading",
                "article",
            ];
            // A host's card is named by its heading.
            if named.contains(&node.role.as_str()) && node.role != "article" {
                assert!(!node.name.trim().is_empty(), "{path}: a {} has no name", node.role);
            }
        }
        let levels = scene.browser.eval(
            "return [...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))",
        );
        let levels: Vec<u64> =
            levels.as_array().expect("levels").iter().filter_map(Value::as_u64).collect();
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{path}");
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{path}: {levels:?}");
        let colours = scene.browser.eval(
            "return [...document.querySelectorAll('.badge')].every(b => \
             /fail|warn|unknown|pass/.test(b.textContent))",
        );
        assert_eq!(colours, json!(true), "{path}: a verdict by colour alone");
    }
}

/// A node of the browser's accessibility tree.
struct Node {
    role: String,
    name: String,
}

fn tree(browser: &Browser) -> Vec<Node> {
    browser.cdp("Accessibility.enable", &json!({}));
    let tree = browser.cdp("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().expect("a tree");
    nodes
        .iter()
        .filter(|node| node["ignored"] != json!(true))
        .map(|node| Node {
            role: node["role"]["value"].as_str().unwrap_or_default().to_owned(),
            name: node["name"]["value"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}
