//! What a browser, a scraper and an attacker see of a page that really listens.

mod doors;
mod pages;
mod served;
mod stand_in;
