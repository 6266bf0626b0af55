//! What an absolute path of a recipe must look like.
//!
//! Leaves out what lies there.

/// Whether a path is absolute, normalised, and of characters that mean themselves in a shell, in
/// a unit and in dpkg's lists.
///
/// # Errors
/// What is wrong with it, to follow its name: `is not absolute`.
pub fn absolute(path: &str) -> Result<(), &'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err("is not absolute: it begins with `/`");
    };
    if rest.is_empty() {
        return Err("is the root of everything");
    }
    parts(rest)
}

/// Whether a path within the recipe's folder is normalised and stays there.
///
/// # Errors
/// As [`absolute`].
pub fn relative(path: &str) -> Result<(), &'static str> {
    if path.starts_with('/') {
        return Err("is absolute: it is a name within the recipe's folder");
    }
    if path.is_empty() {
        return Err("is empty");
    }
    parts(path)
}

fn parts(rest: &str) -> Result<(), &'static str> {
    if rest.len() > 1024 {
        return Err("is longer than 1024 bytes");
    }
    if rest.ends_with('/') {
        return Err("ends with `/`");
    }
    if rest.split('/').any(str::is_empty) {
        return Err("has `//`");
    }
    if rest.split('/').any(|part| part == "." || part == "..") {
        return Err("has a part `.` or `..`");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:~=,%".contains(c);
    if !rest.chars().all(plain) {
        return Err("takes letters, digits and `._-+@:~=,%` only");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leaves_or_surprises_is_refused() {
        for bad in ["", "/", "a", "/a/", "/a//b", "/a/../b", "/./a", "/a b", "/a\n", "/a$b", "/ä"]
        {
            assert!(absolute(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "/a", "../a", "a/..", "a/", "a\0"] {
            assert!(relative(bad).is_err(), "{bad:?}");
        }
        assert_eq!(absolute("/etc/nginx/sites-enabled/a.conf"), Ok(()));
        assert_eq!(relative("templates/a.conf.j2"), Ok(()));
    }
}
