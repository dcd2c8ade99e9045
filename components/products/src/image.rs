//! Images of products: sent as they are, checked by their bytes, kept for good under an address of their own.

use crate::model::{Image, Product, Texts};
use crate::problem::Refused;
use crate::product::{open, present, update};
use crate::rules::{self, MAX_IMAGES};
use crate::store::image as store;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use garde::error::Path as FieldPath;
use http::{HeaderMap, StatusCode, header};
use imagesize::ImageType;
use serde::Deserialize;
use souk_kit::id::ImageId;
use souk_kit::permission::scope::PRODUCTS_WRITE;
use souk_kit::problem::{ProblemDocument, kinds};
use souk_kit::valid::body_within;
use souk_kit::{Caller, Ctx, IfMatch, IfNoneMatch, PathId, PathIds, Problem, Result, Tagged, Valid};
use utoipa::ToSchema;

/// The largest image, in bytes; the table has the same bound.
const MAX_BYTES: usize = 5 << 20;
/// The longest side, in pixels: a few bytes can claim to be an image that fills a browser's memory.
const MAX_SIDE: usize = 16_384;

/// What changes in an image; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"alt": {"en": "The lamp on a desk"}, "position": 0}))]
pub struct ImageChange {
    /// What it shows, by language.
    #[serde(deserialize_with = "souk_kit::valid::present")]
    pub alt: Option<Texts>,
    /// Its place among the product's images, from 0; the others move.
    #[serde(deserialize_with = "souk_kit::valid::present")]
    pub position: Option<u32>,
}

impl Validate for ImageChange {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> FieldPath, into: &mut garde::Report) {
        if let Some(alt) = &self.alt {
            rules::tell(rules::check_texts("alt", alt, false), parent, into);
        }
        if self.position.is_some_and(|position| position as usize >= MAX_IMAGES) {
            into.append(parent().join("position"), garde::Error::new(format!("is not below {MAX_IMAGES}")));
        }
    }
}

/// Add an image to a product: its bytes are the body, PNG, JPEG, WebP or GIF of at most 5 MB. It comes last.
#[utoipa::path(post, path = "/products/{id}/images", tag = "images", security(("bearer" = ["products:write"])),
    params(("id" = String, Path, description = "The product's id or slug")),
    request_body(content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"),
        (Vec<u8> = "image/gif"))),
    responses(
        (status = 201, description = "Added", body = Image, headers(("Location" = String))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`too-many-images`", body = ProblemDocument),
        (status = 413, description = "`body-too-large`", body = ProblemDocument),
        (status = 415, description = "`unsupported-media-type`", body = ProblemDocument),
        (status = 422, description = "`image-unreadable`", body = ProblemDocument)))]
pub async fn add(
    ctx: Ctx,
    caller: Caller,
    PathId(key): PathId<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    caller.needs(PRODUCTS_WRITE)?;
    let media_type = media_type(&headers)?;
    let bytes = body_within(body, MAX_BYTES).await?;
    let (width, height) = dimensions(media_type, &bytes)?;
    let tx = ctx.begin().await?;
    let mut stored = present(&tx, &key).await?;
    let images = &mut stored.product.images;
    if images.len() >= MAX_IMAGES {
        return Err(Refused::TooManyImages.into());
    }
    let id = ImageId::new();
    let image = Image {
        id,
        url: format!("/api/v1/products/images/{id}"),
        media_type: media_type.into(),
        width,
        height,
        alt: Texts::new(),
        position: u32::try_from(images.len()).unwrap_or(u32::MAX),
    };
    images.push(image.clone());
    store::add(&tx, id, stored.number, media_type, bytes.to_vec()).await?;
    update(tx, stored).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, image.url.clone())], axum::Json(image)).into_response())
}

/// Read an image. Its bytes never change.
#[utoipa::path(get, path = "/products/images/{id}", tag = "images", security((), ("bearer" = [])),
    params(("id" = ImageId, Path, description = "The image's id")),
    responses(
        (status = 200, description = "The image", content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"),
            (Vec<u8> = "image/webp"), (Vec<u8> = "image/gif")), headers(("ETag" = String))),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<ImageId>,
    known: IfNoneMatch,
) -> Result<Response> {
    let picture = store::read(&ctx.conn().await?, id, caller.has(PRODUCTS_WRITE)).await?;
    let picture = picture.ok_or_else(Problem::not_found)?;
    let tag = format!("\"{id}\"");
    let cached = if picture.published { "public, max-age=31536000, immutable" } else { "private, no-store" };
    let common = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, cached.into()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
    ];
    if known.has_tag(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    Ok((common, [(header::CONTENT_TYPE, picture.media_type)], picture.bytes).into_response())
}

/// Change what an image is said to show, or its place among the product's images.
#[utoipa::path(patch, path = "/products/{id}/images/{image}", tag = "images", request_body = ImageChange,
    security(("bearer" = ["products:write"])),
    params(("id" = String, Path, description = "The product's id or slug"),
        ("image" = ImageId, Path, description = "The image's id"),
        ("If-Match" = Option<String>, Header, description = "The product's `ETag`")),
    responses(
        (status = 200, description = "The product as it is now", body = Product),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn change(
    ctx: Ctx,
    caller: Caller,
    PathIds(key, image): PathIds<String, String>,
    expected: IfMatch,
    Valid(change): Valid<ImageChange>,
) -> Result<Tagged<Product>> {
    caller.needs(PRODUCTS_WRITE)?;
    let (tx, mut stored) = open(&ctx, &key, &expected).await?;
    let images = &mut stored.product.images;
    let mut image = take(images, &image)?;
    image.alt = change.alt.unwrap_or(image.alt);
    let position = change.position.unwrap_or(image.position) as usize;
    images.insert(position.min(images.len()), image);
    number(images);
    update(tx, stored).await
}

/// Remove an image.
#[utoipa::path(delete, path = "/products/{id}/images/{image}", tag = "images",
    security(("bearer" = ["products:write"])),
    params(("id" = String, Path, description = "The product's id or slug"),
        ("image" = ImageId, Path, description = "The image's id"),
        ("If-Match" = Option<String>, Header, description = "The product's `ETag`")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument)))]
pub async fn remove(
    ctx: Ctx,
    caller: Caller,
    PathIds(key, image): PathIds<String, String>,
    expected: IfMatch,
) -> Result<StatusCode> {
    caller.needs(PRODUCTS_WRITE)?;
    let (tx, mut stored) = open(&ctx, &key, &expected).await?;
    let images = &mut stored.product.images;
    let image = take(images, &image)?;
    number(images);
    store::remove(&tx, image.id).await?;
    update(tx, stored).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an image out of its product's.
fn take(images: &mut Vec<Image>, id: &str) -> Result<Image> {
    let id: ImageId = id.parse().map_err(|_| Problem::not_found())?;
    let index = images.iter().position(|image| image.id == id).ok_or_else(Problem::not_found)?;
    Ok(images.remove(index))
}

/// Numbers the images as they stand.
fn number(images: &mut [Image]) {
    for (position, image) in (0..).zip(images) {
        image.position = position;
    }
}

fn media_type(headers: &HeaderMap) -> Result<&'static str> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = ["image/png", "image/jpeg", "image/webp", "image/gif"].into_iter().find(|it| *it == essence);
    known.ok_or_else(|| Problem::new(kinds::UNSUPPORTED_MEDIA_TYPE, "Send a PNG, JPEG, WebP or GIF image."))
}

/// Width and height, if the bytes are an image of this kind.
fn dimensions(media_type: &str, bytes: &[u8]) -> Result<(u32, u32), Refused> {
    let unreadable = |why: &str| Refused::ImageUnreadable { why: why.into() };
    let found = match imagesize::image_type(bytes) {
        Ok(ImageType::Png) => "image/png",
        Ok(ImageType::Jpeg) => "image/jpeg",
        Ok(ImageType::Webp) => "image/webp",
        Ok(ImageType::Gif) => "image/gif",
        Ok(_) | Err(_) => return Err(unreadable("is neither PNG, JPEG, WebP nor GIF")),
    };
    if found != media_type {
        return Err(unreadable(&format!("is {found}, not {media_type}")));
    }
    let size = imagesize::blob_size(bytes).map_err(|_| unreadable("is cut short or damaged"))?;
    if !(1..=MAX_SIDE).contains(&size.width) || !(1..=MAX_SIDE).contains(&size.height) {
        return Err(unreadable(&format!("has a side that is not from 1 to {MAX_SIDE} pixels")));
    }
    let side = |side: usize| u32::try_from(side).map_err(|_| unreadable("is too large"));
    Ok((side(size.width)?, side(size.height)?))
}

#[cfg(test)]
mod tests {
    use super::dimensions;

    /// The first bytes of a GIF of 3 by 2 pixels.
    const GIF: &[u8] = b"GIF89a\x03\x00\x02\x00\x80\x00\x00";

    #[test]
    fn an_image_is_what_its_bytes_are() {
        assert_eq!(dimensions("image/gif", GIF).unwrap(), (3, 2));
        assert!(dimensions("image/png", GIF).is_err());
        assert!(dimensions("image/gif", b"GIF89a").is_err());
        assert!(dimensions("image/gif", b"<svg onload=alert(1)>").is_err());
    }
}
