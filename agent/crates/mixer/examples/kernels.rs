//! Prints what each kernel costs, in milliseconds a frame, beside a plain copy of the frame:
//! `cargo run --release -p mixer --example kernels`.
#![expect(clippy::print_stdout, reason = "the figures are its purpose")]

use mixer::picture::{crossfade, key, wipe};
use mixer::sound::{Lane, Mixdown};
use model::{Raster, Size};
use std::hint::black_box;

/// Median of 200 runs, in milliseconds.
fn cost(mut kernel: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..200)
        .map(|_| {
            #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
            let began = std::time::Instant::now();
            kernel();
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

fn raster(width: u32, height: u32) -> Raster {
    let luma = (width * height) as usize;
    let noise = |length: usize| (0..length).map(|i| (i * 37 % 199) as u8).collect();
    Raster {
        x: 0,
        y: 0,
        width,
        height,
        luma: noise(luma),
        u: noise(luma / 4),
        v: noise(luma / 4),
        alpha: noise(luma),
        alpha_chroma: noise(luma / 4),
    }
}

fn pictures(size: Size) -> Result<(), Box<dyn std::error::Error>> {
    let a = vec![50; size.yuv420_bytes()];
    let b = vec![180; size.yuv420_bytes()];
    let mut out = vec![0; size.yuv420_bytes()];
    let mut failed = Ok(());
    let whole = raster(size.width(), size.height());
    let third = raster(size.width() / 2, size.height() / 8 * 2);
    println!("{size}, ms a frame");
    println!(
        "  copy            {:.3}",
        cost(|| black_box(&mut out).copy_from_slice(black_box(&a)))
    );
    let ms = cost(|| failed = crossfade(size, black_box(&a), &b, 77, black_box(&mut out)));
    failed?;
    println!("  crossfade       {ms:.3}");
    let ms = cost(|| failed = wipe(size, black_box(&a), &b, 77, black_box(&mut out)));
    failed?;
    println!("  wipe            {ms:.3}");
    for (name, raster) in [("whole frame", &whole), ("lower third", &third)] {
        for opacity in [256, 100] {
            let mut failed = Ok(());
            let ms = cost(|| failed = key(size, black_box(&mut out), raster, opacity, (0, 0)));
            failed?;
            println!("  key {name} at {opacity:3}/256 {ms:.3}");
        }
    }
    Ok(())
}

/// One source's sound for a frame of 1/30 s, in sync and while it is being pulled into sync.
fn sound() {
    let chunk: Vec<i16> = (0..3200).map(|i| (i * 7919 % 20_011) as i16).collect();
    let mut out = vec![0.0; 3200];
    for (name, skew) in [("in sync", 0), ("stretching", 100_000)] {
        let (mut lane, mut n) = (Lane::new(), 0_i64);
        let ms = cost(|| {
            lane.push(n * 100_000_000 / 3, black_box(&chunk));
            lane.render((n - 2) * (100_000_000 / 3 + skew), black_box(&mut out));
            n += 1;
        });
        println!("sound {name}: {ms:.4} ms a frame");
    }
    let mut mixdown = Mixdown::new(1600);
    let mut whole = vec![0; 3200];
    let ms = cost(|| {
        mixdown.begin(1600);
        mixdown.add(black_box(&out), 0.2, 0.4);
        mixdown.add(black_box(&out), 0.4, 0.2);
        mixdown.finish(black_box(&mut whole));
    });
    println!("mixdown of two: {ms:.4} ms a frame");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pictures(Size::new(1280, 720)?)?;
    pictures(Size::HD)?;
    sound();
    Ok(())
}
