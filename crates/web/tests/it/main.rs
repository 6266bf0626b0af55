//! What a browser, a scraper and an attacker see of a page that really listens.

mod browser;
mod doors;
mod driver;
mod pages;
mod served;
mod stand_in;
mod wire;
