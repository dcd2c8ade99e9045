//! The bytes of images in SQL.

use souk_kit::id::ImageId;
use souk_kit::{Conn, DbError, Tx, params};

/// An image as it is sent.
pub struct Picture {
    /// What kind it is.
    pub media_type: String,
    /// The image.
    pub bytes: Vec<u8>,
    /// Whether everybody may see its product.
    pub published: bool,
}

/// Keeps an image of a product.
pub async fn add(
    tx: &Tx,
    id: ImageId,
    product: i64,
    media_type: &str,
    bytes: Vec<u8>,
) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO image (id, product, media_type, bytes) VALUES (?1, ?2, ?3, ?4)",
        params![id, product, media_type, bytes],
    )
    .await
}

/// An image; that of an unpublished product only for those who may see it.
pub async fn read(conn: &Conn, id: ImageId, unpublished: bool) -> Result<Option<Picture>, DbError> {
    conn.one(
        "SELECT i.media_type, i.bytes, p.status = 'active' AS published
           FROM image i JOIN product p ON p.number = i.product
          WHERE i.id = ?1 AND (p.status = 'active' OR ?2)",
        params![id, i64::from(unpublished)],
        |row| {
            let (media_type, bytes) = (row.get("media_type")?, row.get("bytes")?);
            Ok(Picture { media_type, bytes, published: row.get("published")? })
        },
    )
    .await
}

/// Lets an image go.
pub async fn remove(tx: &Tx, id: ImageId) -> Result<(), DbError> {
    tx.exec("DELETE FROM image WHERE id = ?1", params![id]).await
}
