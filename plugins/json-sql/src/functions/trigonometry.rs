//! Angles.

use std::f64::consts::PI;

use super::{Function, strict};
use crate::failure::Answer;
use crate::value::{Kind, Value};

const FLOAT: Option<Kind> = Some(Kind::Float);

pub(super) const FUNCTIONS: &[Function] = &[
    strict("pi", (0, 0), FLOAT, |_, _| Ok(Value::Float(PI))),
    strict("radians", (1, 1), FLOAT, |_, args| of(args, |degrees| degrees * (PI / 180.0))),
    strict("degrees", (1, 1), FLOAT, |_, args| of(args, |radians| radians / (PI / 180.0))),
    strict("sin", (1, 1), FLOAT, |_, args| of(args, f64::sin)),
    strict("cos", (1, 1), FLOAT, |_, args| of(args, f64::cos)),
    strict("tan", (1, 1), FLOAT, |_, args| of(args, f64::tan)),
    strict("cot", (1, 1), FLOAT, |_, args| of(args, |angle| 1.0 / angle.tan())),
    strict("sinh", (1, 1), FLOAT, |_, args| of(args, f64::sinh)),
    strict("cosh", (1, 1), FLOAT, |_, args| of(args, f64::cosh)),
    strict("tanh", (1, 1), FLOAT, |_, args| of(args, f64::tanh)),
    strict("asin", (1, 1), FLOAT, |_, args| of(args, f64::asin)),
    strict("acos", (1, 1), FLOAT, |_, args| of(args, f64::acos)),
    strict("atan", (1, 1), FLOAT, |_, args| of(args, f64::atan)),
    strict("atan2", (2, 2), FLOAT, |_, args| {
        let x = args[1].float()?;
        of(args, |y| y.atan2(x))
    }),
    strict("geo_distance", (4, 5), FLOAT, |_, args| {
        let mut degrees = [0.0; 4];
        for (degree, arg) in degrees.iter_mut().zip(args) {
            *degree = arg.float()?.to_radians();
        }
        let [latitude, longitude, other_latitude, other_longitude] = degrees;
        let half = |one: f64, other: f64| ((one - other) / 2.0).sin().powi(2);
        let haversine =
            half(latitude, other_latitude) + latitude.cos() * other_latitude.cos() * half(longitude, other_longitude);
        let radius = match args.get(4) {
            None => 6371.0,
            Some(unit) => match unit.text()?.to_ascii_lowercase().as_str() {
                "km" | "kilometer" | "kilometers" => 6371.0,
                "mi" | "mile" | "miles" => 3959.0,
                _ => return Err("the unit of a distance is 'km' or 'mi'".into()),
            },
        };
        Ok(Value::Float(2.0 * radius * haversine.sqrt().min(1.0).asin()))
    }),
];

fn of<'a>(args: &[Value<'a>], function: impl Fn(f64) -> f64) -> Answer<'a> {
    let input = args[0].float()?;
    let result = function(input);
    if result.is_nan() && !input.is_nan() {
        return Err("input is out of range".into());
    }
    if result.is_infinite() && input.is_finite() {
        return Err("double precision out of range: overflow".into());
    }
    Ok(Value::Float(result))
}
